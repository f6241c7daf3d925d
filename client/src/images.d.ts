declare module "*.png" {
  const image: number;
  export default image;
}
