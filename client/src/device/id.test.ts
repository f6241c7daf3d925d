import { newID } from "./id.web";

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("ids are UUIDs, each different", () => {
  const ids = Array.from({ length: 1_000 }, newID);
  for (const id of ids) expect(id).toMatch(version4);
  expect(new Set(ids).size).toBe(1_000);
});

test.each([
  [0x00, "00000000-0000-4000-8000-000000000000"],
  [0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"],
])("all other bits are random", (byte, id) => {
  const random = jest.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
    if (array instanceof Uint8Array) array.fill(byte);
    return array;
  });
  expect(newID()).toBe(id);
  random.mockRestore();
});
