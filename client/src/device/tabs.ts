/** An app on a phone has no tabs. */
export { alone as openTabs } from "./alone";
