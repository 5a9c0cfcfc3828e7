/** Turning pictures into what image towers take, as a preprocessor_config.json says: transformers' PIL image processors, v5.18. */
import { join } from 'node:path';
import { z } from 'zod';
import { type Image, type ResampleFilter, readJson, resample } from '../formats/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { count, parseConfig, withDefault } from './config.js';

/** Height and width, or the length that the shorter side gets. */
type Size = { readonly height: number; readonly width: number } | { readonly shortest_edge: number };

const rectangle = z.object({ height: count, width: count });
/** The oldest files have a single number. */
const resizeSize = z.union([
  rectangle,
  z.object({ shortest_edge: count }),
  count.transform((side): Size => ({ shortest_edge: side })),
]);
const cropSize = z.union([rectangle, count.transform((side) => ({ height: side, width: side }))]);

/** By Pillow's number. */
const FILTERS = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' } as const satisfies Record<
  number,
  ResampleFilter
>;

const channels = z.tuple([z.number(), z.number(), z.number()]);
const positive = z.number().positive();
const MEAN: z.output<typeof channels> = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION: z.output<typeof channels> = [0.26862954, 0.26130258, 0.27577711];

const schema = z.object({
  do_resize: withDefault(z.boolean(), true),
  size: withDefault(resizeSize, { shortest_edge: 224 }),
  resample: withDefault(z.literal([1, 2, 3]), 3),
  do_center_crop: withDefault(z.boolean(), false),
  crop_size: withDefault(cropSize, { height: 224, width: 224 }),
  do_rescale: withDefault(z.boolean(), true),
  rescale_factor: withDefault(positive, 1 / 255),
  do_normalize: withDefault(z.boolean(), true),
  image_mean: withDefault(channels, MEAN),
  image_std: withDefault(z.tuple([positive, positive, positive]), DEVIATION),
});

type ImageProcessorConfig = z.output<typeof schema>;

export class ImageProcessor {
  private constructor(private readonly config: ImageProcessorConfig) {}

  /** Reads preprocessor_config.json of a folder. Throws InputError where it is missing or asks for what is not supported. */
  static async load(folder: string): Promise<ImageProcessor> {
    const path = join(folder, 'preprocessor_config.json');
    return ImageProcessor.of(await readJson(path), path);
  }

  /** The processor that a preprocessor_config.json describes; `place` is what an error calls it. Throws InputError as `load` does. */
  static of(json: unknown, place = 'preprocessor_config.json'): ImageProcessor {
    return new ImageProcessor(parseConfig(place, schema, json));
  }

  /** The picture in the size that the network takes, still in bytes. */
  resize(image: Image): Image {
    const { do_resize, size, resample: filter, do_center_crop, crop_size } = this.config;
    const [width, height] = do_resize ? resizedSides(image, size) : [image.width, image.height];
    const resized = resample(image, width, height, FILTERS[filter]);
    return do_center_crop ? centreCrop(resized, crop_size.width, crop_size.height) : resized;
  }

  /** Pixel values [1, 3, H, W] of a picture. */
  process(image: Image): Tensor<'float32'> {
    const { do_rescale, rescale_factor, do_normalize, image_mean, image_std } = this.config;
    const { width, height, data } = this.resize(image);
    const pixels = width * height;
    const out = new Float32Array(3 * pixels);
    for (let c = 0; c < 3; c++) {
      const factor = do_rescale ? rescale_factor : 1;
      const [mean, deviation] = do_normalize ? [image_mean[c]!, image_std[c]!] : [0, 1];
      for (let i = 0; i < pixels; i++)
        out[c * pixels + i] = (Math.fround(data[3 * i + c]! * factor) - mean) / deviation;
    }
    return tensor([1, 3, height, width], out);
  }
}

/** Width and height; where one length is given it is the shorter side's, and the longer side is cut to a whole number. */
function resizedSides({ width, height }: Image, size: Size): [number, number] {
  if ('height' in size) return [size.width, size.height];
  const { shortest_edge: short } = size;
  return width <= height
    ? [short, Math.trunc((short * height) / width)]
    : [Math.trunc((short * width) / height), short];
}

/** The middle of a picture; black where it is smaller than that. */
function centreCrop(image: Image, width: number, height: number): Image {
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  const data = new Uint8Array(3 * width * height);
  for (let y = Math.max(0, -top); y < Math.min(height, image.height - top); y++) {
    const [from, to] = [Math.max(0, left), Math.min(image.width, left + width)];
    const row = 3 * image.width * (top + y);
    data.set(image.data.subarray(row + 3 * from, row + 3 * to), 3 * (width * y + from - left));
  }
  return { width, height, data };
}
