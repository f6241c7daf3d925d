import { goOffline } from "./offline.web";

const register = jest.fn();

/** A browser with these features, in production by default. */
function browser(has: { secure?: boolean; workers?: boolean; policies?: boolean; mode?: string }): jest.Mock {
  const createPolicy = jest.fn((name: string, rules: { createScriptURL(url: string): string }) => ({
    createScriptURL: (url: string) => `${name}: ${rules.createScriptURL(url)}`,
  }));
  jest.replaceProperty(process, "env", { ...process.env, NODE_ENV: (has.mode ?? "production") as "production" });
  Object.assign(globalThis, {
    window: { isSecureContext: has.secure ?? true, ...(has.policies && { trustedTypes: { createPolicy } }) },
  });
  Object.defineProperty(globalThis, "navigator", {
    configurable: true,
    value: (has.workers ?? true) ? { serviceWorker: { register } } : {},
  });
  return createPolicy;
}

afterEach(() => {
  jest.restoreAllMocks();
  Reflect.deleteProperty(globalThis, "window");
  Reflect.deleteProperty(globalThis, "navigator");
});
beforeEach(() => register.mockReset().mockResolvedValue(undefined));

test("the service worker is registered with the policy of that name", () => {
  const createPolicy = browser({ policies: true });
  goOffline();
  expect(createPolicy).toHaveBeenCalledTimes(1);
  expect(register).toHaveBeenCalledWith("restante: /sw.js");
});

test("a browser without Trusted Types gets the plain address", () => {
  browser({});
  goOffline();
  expect(register).toHaveBeenCalledWith("/sw.js");
});

test.each([
  ["over plain http", { secure: false }],
  ["without service workers", { workers: false }],
  ["while the app is developed", { mode: "development" }],
])("%s no worker is registered", (_, has) => {
  browser(has);
  goOffline();
  expect(register).not.toHaveBeenCalled();
});

test("a failed registration is harmless", () => {
  browser({});
  const failed = { catch: jest.fn() };
  register.mockReturnValue(failed);
  goOffline();
  expect(failed.catch).toHaveBeenCalledWith(expect.any(Function));
});
