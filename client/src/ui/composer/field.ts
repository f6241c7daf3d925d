import type { TextInput, TextInputProps } from "react-native";

import type { Edited } from "./edit";

/** The text field of the composer: what is selected, and changes that keep the caret in its place. */
export interface FieldControl {
  readonly current: () => Edited;
  readonly edit: (change: (edited: Edited) => Edited) => void;
  readonly focus: () => void;
  readonly props: Pick<TextInputProps, "selection" | "onSelectionChange">;
}

export interface FieldOptions {
  readonly field: React.RefObject<TextInput | null>;
  readonly text: string;
  readonly write: (text: string) => void;
  /** Called when the caret may have moved. */
  readonly onMove: () => void;
}
