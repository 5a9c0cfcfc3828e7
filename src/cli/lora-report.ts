/** How nearly a LoRA does what the adapters do, in numbers and in words. */
import type { Lora } from '../interop/index.js';
import { percent, table } from './text.js';

/** How many of the layers people are shown. */
const SHOWN = 5;

/** A LoRA without its factors, and lines for people: the errors in all, and of the layers that lose most. */
export function loraReport({ rank, layers, leftOut, relativeError, relativeErrorOfAll }: Lora): {
  json: object;
  lines: string[];
} {
  const errors = layers.map(({ module, norm, relativeError }) => ({ module, norm, relativeError }));
  const json = { format: 'lora', rank, relativeError, relativeErrorOfAll, layers: errors, leftOut };
  const share = (why: string) => {
    const squares = (values: readonly { norm: number }[]) =>
      values.reduce((sum, { norm }) => sum + norm ** 2, 0);
    const some = leftOut.filter((one) => one.why === why);
    const part = Math.sqrt(squares(some) / (squares(layers) + squares(leftOut)));
    return [`${some.length} ${why}`, percent(part)];
  };
  const worst = errors
    .toSorted((a, b) => b.norm * b.relativeError - a.norm * a.relativeError)
    .slice(0, SHOWN)
    .map(({ module, relativeError }) => [`  ${module}`, percent(relativeError)]);
  const rows = [
    [`error of ${layers.length} layers at rank ${rank}`, percent(relativeError)],
    ...worst,
    ['left out, of the whole change:', ''],
    ...['bias or norm', 'not chosen'].map(share).map(([name, part]) => [`  ${name!}`, part!]),
    ['error in all', percent(relativeErrorOfAll)],
  ];
  return { json, lines: [table(rows)] };
}
