/** Methods as options and adapter files name them. */
export const METHOD_NAMES = ['full', 'sara', 'largest', 'random'] as const;
export type MethodName = (typeof METHOD_NAMES)[number];
