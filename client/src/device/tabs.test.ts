import { openTabs } from "./tabs";

test("A phone leads at once, and sends no events", async () => {
  const tabs = openTabs("ann");
  await tabs.lead();
  const heard = jest.fn();
  const unsubscribe = tabs.subscribe(heard);
  tabs.post({ is: "erased" });
  unsubscribe();
  tabs.close();
  expect(heard).not.toHaveBeenCalled();
});
