import { Alert, Linking } from "react-native";

import { targetOf, type LinkTarget } from "../core/address";
import type { Problem, Session, Stage } from "../core/session";
import type { Texts } from "./i18n";
import { leadTo } from "./spot";

/**
 * Follows the links that open the app, also those that arrive while it runs. A link to the present server leads to its room, after
 * signing in if need be. Another server is used only if the person says so, because anybody can make a link. The returned
 * function ends this.
 */
export function followLinks(session: Session, texts: () => Texts): () => void {
  const follower = new Follower(session, texts);
  Linking.getInitialURL().then(follower.open, () => undefined); // on failure the app starts as without a link
  const subscription = Linking.addEventListener("url", ({ url }) => follower.open(url));
  const unsubscribe = session.stage.subscribe(() => follower.go());
  return () => {
    subscription.remove();
    unsubscribe();
  };
}

/** Follows one link at a time: a newer one replaces it. */
class Follower {
  readonly #session: Session;
  readonly #texts: () => Texts;
  #target: LinkTarget | null = null;
  /** Whether a question is being asked, or the server is being changed. */
  #busy = false;

  constructor(session: Session, texts: () => Texts) {
    this.#session = session;
    this.#texts = texts;
  }

  readonly open = (link: string | null | undefined): void => {
    const target = targetOf(link ?? "");
    if (target === null) return;
    this.#target = target;
    this.go();
  };

  /** Goes as far as the stage of the session allows. */
  go(): void {
    const target = this.#target;
    if (target === null || this.#busy) return;
    const stage = this.#session.stage.get();
    const present = serverOf(stage);
    if (present === undefined) return; // the app is still opening
    if (present === null || !target.servers.includes(present)) return this.#ask(target, stage, present);
    if (stage.is !== "chat") return; // the place is shown after signing in
    this.#target = null;
    if (target.place !== null) leadTo(target.place);
  }

  /** Asks whether to use the server of a link. The system draws the question, because it must show over every dialog of the app. */
  #ask(target: LinkTarget, stage: Stage, present: string | null): void {
    const t = this.#texts();
    const server = target.servers[0];
    const waiting = stage.is === "chat" ? stage.chat.waiting.get() : 0;
    const lines = [
      present === null ? t("follow-first-text", { server }) : t("follow-other-text", { server, present }),
      ...(waiting > 0 ? [t("follow-waiting", { count: waiting })] : []),
    ];
    const [label, style] =
      present === null ? (["follow-use", "default"] as const) : (["follow-change", "destructive"] as const);
    this.#busy = true;
    const cancel = () => this.#answered(target);
    Alert.alert(
      t("follow-other"),
      lines.join("\n\n"),
      [
        { text: t("cancel"), style: "cancel", onPress: cancel },
        { text: t(label), style, onPress: () => void this.#change(target) },
      ],
      { cancelable: true, onDismiss: cancel },
    );
  }

  /** Goes on with the first server of a link that answers. */
  async #change(target: LinkTarget): Promise<void> {
    let problem: Problem | null = null;
    for (const server of target.servers) {
      problem = await this.#session.changeServer(server);
      if (problem === null) break;
    }
    if (problem === null) {
      this.#busy = false;
      return this.go();
    }
    const t = this.#texts();
    Alert.alert(t("follow-other"), t("problem-no-answer"));
    this.#answered(target);
  }

  /** Forgets a link. One that has arrived since its question was asked is next. */
  #answered(target: LinkTarget): void {
    if (this.#target === target) this.#target = null;
    this.#busy = false;
    this.go();
  }
}

/** Returns the server that is used, null if there is none, undefined if that is not known yet. */
function serverOf(stage: Stage): string | null | undefined {
  if (stage.is === "chat") return stage.chat.server;
  if (stage.is === "server") return null;
  return "server" in stage ? stage.server : undefined;
}
