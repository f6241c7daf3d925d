interface Policy {
  createScriptURL(url: string): TrustedScriptURL;
}

/** An address of code that a policy of Trusted Types has let through. */
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
 * Lets the page open without a connection from the next time on, where browsers allow that: over https, and on the machine
 * itself. It is called once; the page works as well when it does not succeed.
 */
export function goOffline(): void {
  if (process.env.NODE_ENV !== "production" || !window.isSecureContext || !("serviceWorker" in navigator)) return;
  // The policy of the page runs no script by a mere text, and knows this one name.
  const policy = window.trustedTypes?.createPolicy("restante", { createScriptURL: (url) => (url === address ? url : "about:blank") });
  navigator.serviceWorker.register(policy?.createScriptURL(address) ?? address).catch(() => undefined);
}
