import { loadCatalogue } from "./catalogue";

test.each([
  ["en", "thumbs", "👍"],
  ["en", "+1", "👍"],
  ["en", "tada", "🎉"],
  ["en", "heart red", "❤️"],
  ["de", "daumen hoch", "👍"],
  ["de", "tada", "🎉"],
  ["ar", "قلب أحمر", "❤️"],
] as const)("in %s %j leads to an emoji", async (language, query, emoji) => {
  const found = (await loadCatalogue(language)).search(query, 20).map(({ text }) => text);
  expect(found).toContain(emoji);
});

test("An emoji whose short name was typed comes first", async () => {
  const catalogue = await loadCatalogue("en");
  expect(catalogue.search("smile", 5)[0]?.text).toBe("😄");
  expect(catalogue.search("fire", 5)[0]?.text).toBe("🔥");
});

test("A short name has one emoji, and nothing is found for nothing", async () => {
  const catalogue = await loadCatalogue("en");
  expect(catalogue.named("smile")?.text).toBe("😄");
  expect(catalogue.named("constructor")).toBeUndefined();
  expect([catalogue.search("", 5), catalogue.search(" : ", 5), catalogue.search("qqqq", 5)]).toEqual([[], [], []]);
});

test("Every emoji has a group and a short name", async () => {
  const { all } = await loadCatalogue("en");
  expect(all.length).toBeGreaterThan(1_800);
  expect(all.filter(({ group, names }) => group < 0 || group > 8 || names[0] === "")).toEqual([]);
  expect(new Set(all.map(({ text }) => text)).size).toBe(all.length);
});
