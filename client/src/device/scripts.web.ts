interface Policy {
  createScriptURL(url: string): TrustedScriptURL;
}

/** A script address that a policy of Trusted Types has accepted. */
export interface TrustedScriptURL {
  toString(): string;
}

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };
  }
}

/** The service worker, and the parts of the app that are loaded when they are needed. */
const own = /^\/(?:sw|_expo\/static\/js\/web\/[\w.-]+)\.js$/;

/** A page can make a policy of a name once. */
const policies = new WeakMap<object, Policy>();

/**
 * Returns the address of a script of this page in the form that the page's policy asks for: it forbids plain strings as script addresses,
 * and allows only one policy, by this name.
 */
export function scriptAddress(url: string): TrustedScriptURL | string {
  const { trustedTypes } = window;
  if (trustedTypes === undefined) return url;
  const policy =
    policies.get(trustedTypes) ??
    trustedTypes.createPolicy("restante", {
      createScriptURL: (address) => (own.test(address) ? address : "about:blank"),
    });
  policies.set(trustedTypes, policy);
  return policy.createScriptURL(url);
}
