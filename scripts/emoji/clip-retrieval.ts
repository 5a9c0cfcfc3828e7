/** How well a CLIP folder finds, for each picture of concepts it never saw, the right text, and the right style. */
import { ClipEncoder } from '../../src/metrics/index.js';
import { type Tensor, tensor } from '../../src/tensor/index.js';
import type { CaptionedPicture } from './clip-pictures.js';

interface Retrieval {
  /** Concepts to choose from. */
  concepts: number;
  /** Share of pictures whose own text, in their own style, is the first of all concepts' texts; among the first five. */
  top1: number;
  top5: number;
  /** Share of pictures whose own style's text is the first among those of their concept in all styles. */
  style: number;
}

/** Over the pictures of every style. */
export async function retrieval(folder: string, pictures: readonly CaptionedPicture[]): Promise<Retrieval> {
  const clip = await ClipEncoder.load(folder, { threads: 1 });
  const styles = [...new Set(pictures.map(({ style }) => style))];
  const captions = [...new Set(pictures.map(({ caption }) => caption))];
  const textsOf = new Map<string, Tensor<'float32'>>();
  for (const style of styles)
    textsOf.set(style, await clip.encodeTexts(captions.map((caption) => `${caption}, ${style} style`)));
  let [first, firstFive, styled] = [0, 0, 0];
  for (const { pixels, caption, style } of pictures) {
    const image = await clip.imageFeatures(tensor([1, 3, 64, 64], pixels));
    const own = captions.indexOf(caption);
    const rank = rankOf(own, cosines(image, textsOf.get(style)!));
    if (rank === 0) first++;
    if (rank < 5) firstFive++;
    const among = styles.map((name) => cosines(image, textsOf.get(name)!)[own]!);
    if (rankOf(styles.indexOf(style), among) === 0) styled++;
  }
  await clip.dispose();
  const share = (count: number) => Number((count / pictures.length).toFixed(4));
  return { concepts: captions.length, top1: share(first), top5: share(firstFive), style: share(styled) };
}

/** Dot products of a feature [1, P] with unit rows [N, P]: cosines but for a common factor. */
function cosines(image: Tensor<'float32'>, { shape, data }: Tensor<'float32'>): number[] {
  const width = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) =>
    image.data.reduce((sum, value, k) => sum + value * data[row * width + k]!, 0),
  );
}

const rankOf = (own: number, scores: readonly number[]): number =>
  scores.filter((score) => score > scores[own]!).length;
