import { Component, useContext, type ReactNode } from "react";
import { StyleSheet, View } from "react-native";

import { useLocale } from "./i18n";
import { SessionContext } from "./session";
import { Text } from "./Text";
import { space } from "./theme";

interface Props {
  /** What is inside, for the events: "app", "room", "message", … */
  readonly code: string;
  /** What the children show. When it is another value, they are drawn again. */
  readonly of?: unknown;
  /** Returns what is shown instead of children that have thrown. `again` draws them again; `failures` counts in a row. */
  readonly instead: (again: () => void, failures: number) => ReactNode;
  readonly children: ReactNode;
}

/** Shows something else instead of children that throw while they are drawn, and notes the error. */
export function Boundary({ code, ...props }: Props) {
  const session = useContext(SessionContext);
  return <Catcher {...props} caught={(error) => session?.events.caught(code, error)} />;
}

/** A part of the app that cannot be drawn is replaced by one line, and what is around it stays. */
export function LineBoundary({ code, of, text, children }: Omit<Props, "instead"> & { readonly text: string }) {
  return (
    <Boundary code={code} of={of} instead={() => <Line text={text} />}>
      {children}
    </Boundary>
  );
}

/** A message that cannot be drawn is replaced by one line. */
export function MessageBoundary({ of, children }: Pick<Props, "of" | "children">) {
  const { t } = useLocale();
  return (
    <LineBoundary code="message" of={of} text={t("broken-message")}>
      {children}
    </LineBoundary>
  );
}

function Line({ text }: { readonly text: string }) {
  return (
    <View style={styles.line}>
      <Text size="small" tone="muted">
        {text}
      </Text>
    </View>
  );
}

type CatcherProps = Omit<Props, "code"> & { readonly caught: (error: unknown) => void };

interface State {
  readonly failed: boolean;
  readonly failures: number;
  readonly of: unknown;
}

class Catcher extends Component<CatcherProps, State> {
  override state: State = { failed: false, failures: 0, of: this.props.of };

  static getDerivedStateFromError(): Partial<State> {
    return { failed: true };
  }

  static getDerivedStateFromProps({ of }: CatcherProps, before: State): Partial<State> | null {
    return Object.is(of, before.of) ? null : { failed: false, failures: 0, of };
  }

  override componentDidCatch(error: unknown): void {
    this.setState(({ failures }) => ({ failures: failures + 1 }));
    this.props.caught(error);
  }

  override render(): ReactNode {
    const again = () => this.setState({ failed: false });
    return this.state.failed ? this.props.instead(again, this.state.failures) : this.props.children;
  }
}

const styles = StyleSheet.create({ line: { paddingHorizontal: space.l, paddingVertical: space.s } });
