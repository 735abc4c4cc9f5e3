declare module "@keyvhq/test-suite" {
  export default function keyvTestSuite(test: object, keyv: object, store: () => object): void;
}
declare module "@keyvhq/core" {
  const Keyv: object;
  export default Keyv;
}
