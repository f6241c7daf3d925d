import { LegendList, type LegendListRef } from "@legendapp/list/react-native";
import { useEffect, useImperativeHandle, useRef, useState } from "react";

import type { ListProps } from "./list";

/** The space above the row at which the list opens. */
const above = 72;

/** The list of messages on phones. */
export function List({ ref, rows, render, openAt, label, onBeginning, onEnd, onTop }: ListProps) {
  const list = useRef<LegendListRef>(null);
  const indexOf = (key: string | null) => rows.findIndex((row) => row.key === key);
  const [opened] = useState(() => indexOf(openAt));
  const [atEnd, setAtEnd] = useState(opened < 0);

  const setEnd = (reached: boolean) => {
    if (reached === atEnd) return;
    setAtEnd(reached);
    onEnd(reached);
  };
  const readPosition = () => {
    const view = list.current?.getState();
    if (view === undefined) return;
    onTop(view.start);
    setEnd(view.isWithinMaintainScrollAtEndThreshold);
  };
  useImperativeHandle(ref, () => ({
    toEnd() {
      setEnd(true);
      void list.current?.scrollToEnd({ animated: false });
    },
    stay: () => setEnd(false),
    show: (key) => void list.current?.scrollIndexIntoView({ index: indexOf(key), animated: false }),
    toKey(key) {
      setEnd(false);
      void list.current?.scrollToIndex({ index: indexOf(key), viewOffset: above, animated: false });
    },
  }));
  useEffect(() => {
    if (atEnd) void list.current?.scrollToEnd({ animated: false }); // the list loses the end when very many rows come at once
  }, [rows, atEnd]);

  return (
    <LegendList
      ref={list}
      testID="messages"
      accessibilityLabel={label}
      data={rows}
      keyExtractor={(row) => row.key}
      renderItem={({ item }) => render(item)}
      {...(opened < 0 ? { initialScrollAtEnd: true } : { initialScrollIndex: { index: opened, viewOffset: above } })}
      alignItemsAtEnd
      maintainScrollAtEnd={atEnd}
      maintainScrollAtEndThreshold={0.1}
      maintainVisibleContentPosition={{ data: true, size: true }}
      keyboardDismissMode="interactive"
      keyboardShouldPersistTaps="handled"
      onStartReached={onBeginning}
      onStartReachedThreshold={1}
      onScroll={readPosition}
    />
  );
}
