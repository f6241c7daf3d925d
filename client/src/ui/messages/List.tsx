import { LegendList, type LegendListRef } from "@legendapp/list/react-native";
import { useEffect, useImperativeHandle, useRef, useState } from "react";

import type { ListProps, Opening } from "./list";

/** The space above the row at which the list opens. */
const above = 72;

function placed(place: Opening["place"]): { readonly viewOffset: number } | { readonly viewPosition: number } {
  return place === "top" ? { viewOffset: above } : { viewPosition: 0.5 };
}

/** The list of messages on phones. */
export function List({ ref, rows, render, openAt, follows, label, onBeginning, onNearEnd, onEnd, onView }: ListProps) {
  const list = useRef<LegendListRef>(null);
  const indexOf = (key: string | undefined) => rows.findIndex((row) => row.key === key);
  const [opened] = useState(() => indexOf(openAt?.key));
  const [atEnd, setAtEnd] = useState(opened < 0);

  const setEnd = (reached: boolean) => {
    if (reached === atEnd) return;
    setAtEnd(reached);
    onEnd(reached);
  };
  const readPosition = () => {
    const view = list.current?.getState();
    if (view === undefined) return;
    onView(view.start, view.end);
    setEnd(view.isWithinMaintainScrollAtEndThreshold);
  };
  useImperativeHandle(ref, () => ({
    toEnd() {
      setEnd(true);
      void list.current?.scrollToEnd({ animated: false });
    },
    stay: () => setEnd(false),
    show: (key) => void list.current?.scrollIndexIntoView({ index: indexOf(key), animated: false }),
    toKey(key, place) {
      setEnd(false);
      void list.current?.scrollToIndex({ index: indexOf(key), animated: false, ...placed(place) });
    },
  }));
  useEffect(() => {
    if (atEnd && follows) void list.current?.scrollToEnd({ animated: false }); // the list loses the end when very many rows come at once
  }, [rows, atEnd, follows]);

  return (
    <LegendList
      ref={list}
      testID="messages"
      accessibilityLabel={label}
      data={rows}
      keyExtractor={(row) => row.key}
      renderItem={({ item }) => render(item)}
      {...(opened < 0
        ? { initialScrollAtEnd: true }
        : { initialScrollIndex: { index: opened, ...placed(openAt?.place ?? "top") } })}
      alignItemsAtEnd
      maintainScrollAtEnd={atEnd && follows}
      maintainScrollAtEndThreshold={0.1}
      maintainVisibleContentPosition={{ data: true, size: true }}
      keyboardDismissMode="interactive"
      keyboardShouldPersistTaps="handled"
      onStartReached={onBeginning}
      onStartReachedThreshold={1}
      onEndReached={onNearEnd}
      onEndReachedThreshold={1}
      onScroll={readPosition}
    />
  );
}
