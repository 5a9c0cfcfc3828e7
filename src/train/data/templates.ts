/** Captions around a token that is to be learned: those of Textual Inversion's own code, which diffusers has too. */

/** For a thing: `{}` stands for the token. */
const OBJECT = [
  ...['a photo of a {}', 'a rendering of a {}', 'a cropped photo of the {}', 'the photo of a {}'],
  ...['a photo of a clean {}', 'a photo of a dirty {}', 'a dark photo of the {}', 'a photo of my {}'],
  ...['a photo of the cool {}', 'a close-up photo of a {}', 'a bright photo of the {}'],
  ...['a cropped photo of a {}', 'a photo of the {}', 'a good photo of the {}', 'a photo of one {}'],
  ...['a close-up photo of the {}', 'a rendition of the {}', 'a photo of the clean {}'],
  ...['a rendition of a {}', 'a photo of a nice {}', 'a good photo of a {}', 'a photo of the nice {}'],
  ...['a photo of the small {}', 'a photo of the weird {}', 'a photo of the large {}'],
  ...['a photo of a cool {}', 'a photo of a small {}'],
];

/** For a style: what stands before "in the style of". */
const STYLE = [
  ...['a painting', 'a rendering', 'a cropped painting', 'the painting', 'a clean painting'],
  ...['a dirty painting', 'a dark painting', 'a picture', 'a cool painting', 'a close-up painting'],
  ...['a bright painting', 'a cropped painting', 'a good painting', 'a close-up painting', 'a rendition'],
  ...['a nice painting', 'a small painting', 'a weird painting', 'a large painting'],
].map((thing) => `${thing} in the style of {}`);

const TEMPLATES = { object: OBJECT, style: STYLE } as const;

/** Kinds of captions for a token; `own` are those of the pictures. */
export const CAPTION_KINDS = ['object', 'style', 'own'] as const;
export type CaptionKind = (typeof CAPTION_KINDS)[number];

/** The captions of a kind with the token in them; none where pictures keep their own. */
export function captionsWith(token: string, kind: CaptionKind): string[] | undefined {
  return kind === 'own' ? undefined : TEMPLATES[kind].map((template) => template.replace('{}', () => token));
}
