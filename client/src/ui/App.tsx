import { useEffect, useRef, useState } from "react";
import { StatusBar, StyleSheet, useColorScheme, View } from "react-native";
import { SafeAreaProvider, SafeAreaView } from "react-native-safe-area-context";

import type { Platform } from "../core/device";
import { Session } from "../core/session";
import { Home } from "./Home";
import { LocaleContext } from "./i18n";
import { AboveKeyboard } from "./Keyboard";
import { followLinks } from "./links";
import { useDeviceLocale } from "./locale";
import { configurePage } from "./page";
import { Preferences, PreferencesContext } from "./preferences";
import { useReadable } from "./readable";
import { SessionContext } from "./session";
import { SignIn } from "./SignIn";
import { ColoursContext, dark, light } from "./theme";
import { Tips } from "./Tips";

/** The app on a platform. */
export function App({ platform }: { readonly platform: Platform }) {
  const [preferences] = useState(() => new Preferences(platform.keyValues));
  const [session] = useState(() => new Session(platform));
  useEffect(() => {
    void preferences.load().then(() => session.start());
  }, [preferences, session]);
  return (
    <PreferencesContext.Provider value={preferences}>
      <SessionContext.Provider value={session}>
        <Screen session={session} preferences={preferences} />
      </SessionContext.Provider>
    </PreferencesContext.Provider>
  );
}

/** Shows the stage of the session, in the chosen language and colours. */
function Screen({ session, preferences }: { readonly session: Session; readonly preferences: Preferences }) {
  const stage = useReadable(session.stage);
  const { language, scheme } = useReadable(preferences.choices);
  const system = useColorScheme() === "dark" ? "dark" : "light";
  const isDark = (scheme === "system" ? system : scheme) === "dark";
  const colours = isDark ? dark : light;
  const locale = useDeviceLocale(language);
  const texts = useRef(locale.t);
  useEffect(() => {
    texts.current = locale.t;
  }, [locale]);
  useEffect(() => followLinks(session, () => texts.current), [session]);
  useEffect(() => configurePage(locale.language, locale.rtl, scheme), [locale, scheme]);
  return (
    <LocaleContext.Provider value={locale}>
      <ColoursContext.Provider value={colours}>
        <StatusBar barStyle={isDark ? "light-content" : "dark-content"} />
        <SafeAreaProvider>
          <SafeAreaView
            style={[styles.app, { backgroundColor: colours.surface, direction: locale.rtl ? "rtl" : "ltr" }]}
          >
            <View
              style={styles.app}
              {
                ...{ dir: locale.rtl ? "rtl" : "ltr" } /* sets the direction of the content on the web */
              }
            >
              <AboveKeyboard>
                {stage.is === "chat" ? <Home key={stage.chat.client} chat={stage.chat} /> : <SignIn stage={stage} />}
              </AboveKeyboard>
              <Tips />
            </View>
          </SafeAreaView>
        </SafeAreaProvider>
      </ColoursContext.Provider>
    </LocaleContext.Provider>
  );
}

const styles = StyleSheet.create({ app: { flex: 1 } });
