import { useEffect, useState, type ComponentType, type FunctionComponent } from "react";

import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { useLocale } from "./i18n";
import { Text } from "./Text";

/** Returns a dialog whose code is loaded when it is first shown, so that the page starts with less. It says if that fails. */
export function later<P extends { readonly onClose: () => void }>(
  load: () => Promise<ComponentType<P>>,
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
    if (state === "failed") return <NotLoaded onAgain={() => setState("loading")} onClose={props.onClose} />;
    const Loaded = loaded;
    return Loaded === undefined ? null : <Loaded {...props} />;
  };
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
