import { useEffect, useState, type ComponentType, type FunctionComponent, type ReactNode } from "react";

import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { useLocale } from "./i18n";
import { Text } from "./Text";

/** What is shown instead of a component that is being loaded, or that could not be. */
interface Instead<P> {
  readonly whileLoading: ReactNode;
  readonly afterFailure: (props: P, onAgain: () => void) => ReactNode;
}

/** Returns a component whose code is loaded when it is first shown, so that the page starts with less. */
export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
  { whileLoading, afterFailure }: Instead<P>,
): FunctionComponent<P> {
  let loaded: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [state, setState] = useState<"loading" | "loaded" | "failed">(loaded === undefined ? "loading" : "loaded");
    useEffect(() => {
      if (state !== "loading") return;
      let shown = true;
      load().then(
        (component) => {
          loaded = component;
          if (shown) setState("loaded");
        },
        () => shown && setState("failed"),
      );
      return () => {
        shown = false;
      };
    }, [state]);
    if (state === "failed") return afterFailure(props, () => setState("loading"));
    const Loaded = loaded;
    return Loaded === undefined ? whileLoading : <Loaded {...props} />;
  };
}

/** Returns a dialog whose code is loaded when it is first shown. It says if that fails. */
export function laterDialog<P extends { readonly onClose: () => void }>(
  load: () => Promise<ComponentType<P>>,
): FunctionComponent<P> {
  return later<P>(load, {
    whileLoading: null,
    afterFailure: ({ onClose }, onAgain) => <NotLoaded onAgain={onAgain} onClose={onClose} />,
  });
}

function NotLoaded({ onAgain, onClose }: { readonly onAgain: () => void; readonly onClose: () => void }) {
  const { t } = useLocale();
  return (
    <Dialog title={t("not-loaded")} onClose={onClose}>
      <Text role="alert">{t("not-loaded-text")}</Text>
      <Button kind="primary" label={t("try-again")} onPress={onAgain} />
    </Dialog>
  );
}
