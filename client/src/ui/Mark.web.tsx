/** The logo of the app. Hidden from screen readers, because the name is beside it. */
export function Mark({ size }: { readonly size: number }) {
  return <img src="/icon.svg" alt="" width={size} height={size} />;
}
