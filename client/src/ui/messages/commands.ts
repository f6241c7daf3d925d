import type { Message, Outgoing } from "../../core/message";
import type { IconProps } from "../icons";
import { linkTo } from "../where";
import type { Actions } from "./surroundings";

/** What a person can do with a message. The bar beside the message has the frequent commands, its menu has all of them. */
export interface Command {
  readonly id: "copy-text" | "copy-link";
  readonly icon: IconProps["name"];
  readonly frequent: boolean;
  readonly run: () => void;
}

/** Returns the commands for a message, in the order in which they are shown. */
export function commandsOf(message: Message | Outgoing, server: string, actions: Actions): readonly Command[] {
  const copyText: Command = {
    id: "copy-text",
    icon: "copy",
    frequent: true,
    run: () => actions.copy(message.msg),
  };
  if (message.kind === "outgoing") return [copyText];
  const link = linkTo(server, message.room, message.seq);
  return [copyText, { id: "copy-link", icon: "link", frequent: true, run: () => actions.copy(link) }];
}
