/** How pictures come to a measuring network, before the network's own resizing. */

/** As they are, or squashed to 512 × 512, as the official evaluation of SaRA does. */
export const PICTURE_RESIZES = ['none', 'official'] as const;
export type PictureResize = (typeof PICTURE_RESIZES)[number];
