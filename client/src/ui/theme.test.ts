import { dark, light, type Colours } from "./theme";

/** Returns the contrast of two colours, as WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** What lies behind the messages: nothing, the client's own ground, the pointer, and the highlight of a link's message. */
const messageGrounds = ["ground", "mine", "mineOver", "hover", "flash"] as const;

/** Lists the text colours and their backgrounds. */
function texts(c: Colours): [string, string, string][] {
  const grounds = { ground: c.ground, surface: c.surface, sunken: c.sunken, selected: c.selected, hover: c.hover };
  const on = Object.entries(grounds).flatMap(([name, ground]): [string, string, string][] => [
    [`text on ${name}`, c.text, ground],
    [`muted on ${name}`, c.muted, ground],
    [`danger on ${name}`, c.danger, ground],
  ]);
  return [
    ...on,
    ["accent on surface", c.accent, c.surface],
    ["accent on hover", c.accent, c.hover],
    ["accent on warning", c.accent, c.warning],
    ["onAccent on accent", c.onAccent, c.accent],
    ["onMention on mention", c.onMention, c.mention],
    ["onWarning on warning", c.onWarning, c.warning],
    ...messageGrounds.flatMap((name): [string, string, string][] => [
      [`text on ${name}`, c.text, c[name]],
      [`links and the own name on ${name}`, c.accent, c[name]],
      [`times on ${name}`, c.muted, c[name]],
      [`problems on ${name}`, c.danger, c[name]],
    ]),
    ["links in code", c.accent, c.sunken],
    ...c.people.flatMap((person): [string, string, string][] => [
      ...(["ground", "hover", "flash"] as const).map((name): [string, string, string] => [
        `${person} on ${name}`,
        person,
        c[name],
      ]),
      [`an initial on ${person}`, c.surface, person],
    ]),
  ];
}

describe.each([
  ["light", light],
  ["dark", dark],
])("the %s scheme", (_name, colours) => {
  test.each(texts(colours))("%s can be read", (_what, text, ground) => {
    expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(["ground", "surface", "sunken", "selected"] as const)("the focus is visible on %s", (ground) => {
    expect(contrast(colours.focus, colours[ground])).toBeGreaterThanOrEqual(3);
  });

  test.each(messageGrounds)("quotes are visible on %s", (ground) => {
    expect(contrast(colours.quote, colours[ground])).toBeGreaterThanOrEqual(2.3);
  });

  test("fields and the dot of a connection are visible", () => {
    expect(contrast(colours.muted, colours.surface)).toBeGreaterThanOrEqual(3);
    expect(contrast(colours.good, colours.surface)).toBeGreaterThanOrEqual(3);
  });
});

test("the contrast is calculated correctly", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 1);
});
