declare const brand: unique symbol;

/** A primitive that only its own constructor can make: `Lsn` is a bigint, but not every bigint is an `Lsn`. */
export type Brand<Primitive, Name extends string> = Primitive & { readonly [brand]: Name };
