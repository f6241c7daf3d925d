/** Nothing: on phones the app shows no notifications. */
export function NotificationSettings(): null {
  return null;
}
