declare const brand: unique symbol;

/** What `attach` gives and `detach` and `takeLink` take: means something only to the program that gave it. */
export interface SkMsgLinkId {
  readonly [brand]: "SkMsgLinkId";
}

/** A fresh one. */
export function newLinkId(): SkMsgLinkId {
  // Nothing but identity is in it; the brand exists for the compiler alone.
  return Object.freeze(Object.create(null)) as SkMsgLinkId;
}
