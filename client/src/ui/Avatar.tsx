import { View } from "react-native";

import { Text } from "./Text";
import { colourOf, rem, useColours } from "./theme";
import { filled } from "./web";

/** The initial of a name on its colour. Hidden from screen readers, because the name is beside it. */
export function Avatar({ name, size = 44 }: { readonly name: string; readonly size?: number }) {
  const colours = useColours();
  const [initial = "?"] = name;
  return (
    <View
      aria-hidden
      {...filled}
      style={{
        width: rem(size),
        height: rem(size),
        borderRadius: rem(size * 0.32),
        backgroundColor: colourOf(name, colours),
        alignItems: "center",
        justifyContent: "center",
      }}
    >
      <Text
        allowFontScaling={false}
        strong
        style={{ color: colours.surface, fontSize: rem(size * 0.42), lineHeight: rem(size * 0.56) }}
      >
        {initial.toUpperCase()}
      </Text>
    </View>
  );
}
