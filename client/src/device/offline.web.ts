interface Policy {
  createScriptURL(url: string): TrustedScriptURL;
}

/** A script address that a policy of Trusted Types has accepted. */
interface TrustedScriptURL {
  toString(): string;
}

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };
  }
  interface ServiceWorkerContainer {
    register(url: TrustedScriptURL): Promise<ServiceWorkerRegistration>;
  }
}

const address = "/sw.js";

/**
 * Registers the service worker, so that the page opens offline from the next visit on. Browsers allow this over https and on
 * localhost. Called once. The page also works if it fails.
 */
export function goOffline(): void {
  if (process.env.NODE_ENV !== "production" || !window.isSecureContext || !("serviceWorker" in navigator)) return;
  // The page's policy forbids plain strings as script addresses, and allows only this policy name.
  const policy = window.trustedTypes?.createPolicy("restante", {
    createScriptURL: (url) => (url === address ? url : "about:blank"),
  });
  navigator.serviceWorker.register(policy?.createScriptURL(address) ?? address).catch(() => undefined);
}
