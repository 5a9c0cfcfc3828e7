/** Methods as options and adapter files name them. */
export const METHOD_NAMES = [
  ...(['full', 'sara', 'lora', 'dora', 'adaptformer'] as const),
  ...(['largest', 'random', 'lt-sft', 'fishmask', 'diffpruning'] as const),
  'textual-inversion',
] as const;
export type MethodName = (typeof METHOD_NAMES)[number];
