import { useEffect, useState, type ReactNode } from "react";
import { StatusBar, StyleSheet, useColorScheme, View } from "react-native";

import type { Platform } from "../core/device";
import { Session, type Stage } from "../core/session";
import { withoutDevice } from "../device/without";
import { Boundary } from "./Boundary";
import { noteErrors } from "./errors";
import { Failed } from "./Failed";
import { LocaleContext, useLocale } from "./i18n";
import { AboveKeyboard } from "./Keyboard";
import { later } from "./later";
import { followLinks } from "./links";
import { firstTexts, useDeviceLocale } from "./locale";
import { Offer } from "./Offer";
import { configurePage } from "./page";
import { Preferences, PreferencesContext } from "./preferences";
import { useReadable } from "./readable";
import { SessionContext } from "./session";
import { Opening, SignIn } from "./SignIn";
import { ColoursContext, dark, light } from "./theme";
import { Tips } from "./Tips";
import { Whole } from "./Whole";
import { useLatest } from "./latest";

const Home = later(() => import("./Home").then((m) => m.Home), {
  whileLoading: <Opening />,
  afterFailure: (_, onAgain) => <NotLoaded onAgain={onAgain} />,
});

/** The app on a platform. */
export function App({ platform }: { readonly platform: Platform }) {
  const [preferences] = useState(() => new Preferences(platform.keyValues));
  const [session, setSession] = useState(() => new Session(platform));
  useEffect(() => {
    void preferences
      .load()
      .then(() => firstTexts(preferences.choices.get().language))
      .then(() => session.start());
    return noteErrors(session.events);
  }, [preferences, session]);
  const openWithout = () => {
    void session.close();
    setSession(new Session(withoutDevice(platform), session.events));
  };
  return (
    <PreferencesContext.Provider value={preferences}>
      <SessionContext.Provider value={session}>
        <Guard session={session} onWithout={openWithout}>
          <Screen session={session} preferences={preferences} onWithout={openWithout} />
        </Guard>
      </SessionContext.Provider>
    </PreferencesContext.Provider>
  );
}

interface GuardProps {
  readonly session: Session;
  readonly onWithout: () => void;
}

/** Shows a page with ways out instead of children that cannot be drawn. */
function Guard({ session, onWithout, children }: GuardProps & { readonly children: ReactNode }) {
  const { t } = useLocale();
  return (
    <Boundary
      code="app"
      of={session}
      instead={(again, failures) => (
        <Failed title={t("failed-title")} onAgain={again} onWithout={failures > 1 ? onWithout : null} />
      )}
    >
      {children}
    </Boundary>
  );
}

/** Shows the stage of the session, in the chosen language and colours. */
function Screen({ session, preferences, onWithout }: GuardProps & { readonly preferences: Preferences }) {
  const stage = useReadable(session.stage);
  const { language, scheme } = useReadable(preferences.choices);
  const system = useColorScheme() === "dark" ? "dark" : "light";
  const isDark = (scheme === "system" ? system : scheme) === "dark";
  const colours = isDark ? dark : light;
  const locale = useDeviceLocale(language);
  const texts = useLatest(locale.t);
  useEffect(() => followLinks(session, () => texts.current), [session, texts]);
  useEffect(() => configurePage(locale.language, locale.rtl, scheme), [locale, scheme]);
  return (
    <LocaleContext.Provider value={locale}>
      <ColoursContext.Provider value={colours}>
        <StatusBar barStyle={isDark ? "light-content" : "dark-content"} />
        <Whole style={[styles.app, { backgroundColor: colours.surface, direction: locale.rtl ? "rtl" : "ltr" }]}>
          <View
            style={styles.app}
            {
              ...{ dir: locale.rtl ? "rtl" : "ltr" } /* sets the direction of the content on the web */
            }
          >
            <Guard session={session} onWithout={onWithout}>
              <AboveKeyboard>
                <StageScreen stage={stage} session={session} onWithout={onWithout} />
              </AboveKeyboard>
              <Offer session={session} />
            </Guard>
            <Tips />
          </View>
        </Whole>
      </ColoursContext.Provider>
    </LocaleContext.Provider>
  );
}

function StageScreen({ stage, session, onWithout }: GuardProps & { readonly stage: Stage }) {
  const { t } = useLocale();
  if (stage.is === "chat") return <Home key={stage.chat.client} chat={stage.chat} />;
  if (stage.is !== "failed") return <SignIn stage={stage} />;
  const again = () => void session.start();
  return <Failed title={t("failed-title")} onAgain={again} onWithout={stage.failures > 1 ? onWithout : null} />;
}

function NotLoaded({ onAgain }: { readonly onAgain: () => void }) {
  const { t } = useLocale();
  return <Failed title={t("not-loaded")} text={t("not-loaded-text")} onAgain={onAgain} onWithout={null} />;
}

const styles = StyleSheet.create({ app: { flex: 1 } });
