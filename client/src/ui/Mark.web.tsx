/** The sign of the app. It says nothing to a screen reader: the name is beside it. */
export function Mark({ size }: { readonly size: number }) {
  return <img src="/icon.svg" alt="" width={size} height={size} />;
}
