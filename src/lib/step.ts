/** What a codec says of the bytes it was given: a value and where the next begins, more bytes wanted, or bad input. */
export type Step<T> =
  | { readonly kind: 'value'; readonly value: T; readonly next: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly why: string };
