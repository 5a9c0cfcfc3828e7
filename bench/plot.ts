/** The paper's Fig. 5 on the machine that was measured: memory and time over the batch, as SVG files. */
import { lineChart, standaloneSvg } from '../src/report/index.js';
import { titleOf } from './plan.js';
import { type CellResult, measured, peakBytes, type Result, type Side, typicalSeconds } from './result.js';

const LINES: readonly { side: Side; work: string }[] = [
  { side: 'ours', work: 'sara' },
  { side: 'ours', work: 'sara-half' },
  { side: 'pytorch', work: 'official' },
  { side: 'pytorch', work: 'lora' },
  { side: 'pytorch', work: 'lt-sft' },
];

/** SVG by file name; none where fewer than two batches were measured. */
export function plots(result: Result, pixels: number): Map<string, string> {
  const batches = result.points
    .filter((point) => point.pixels === pixels)
    .map(({ batch }) => batch)
    .filter((batch) => LINES.some((line) => measured(result, { ...line, batch, pixels })));
  if (batches.length < 2) return new Map();
  const chart = (title: string, unit: string, get: (cell: CellResult) => number) => {
    const series = LINES.map(({ side, work }) => ({
      name: `${side === 'ours' ? 'ours: ' : ''}${titleOf({ side, work })}`,
      points: batches.flatMap((batch) => {
        const cell = measured(result, { side, work, batch, pixels });
        return cell ? [{ x: batch, y: get(cell), spread: 0 }] : [];
      }),
    })).filter(({ points }) => points.length > 0);
    const y = { title: `${title}, ${unit}`, better: 'lower' } as const;
    return standaloneSvg(lineChart({ x: { title: 'batch' }, y, series }), {
      title: `${title}, ${result.title}, ${pixels} pixels`,
    });
  };
  const name = (what: string) => `${result.size}-${what}.svg`;
  return new Map([
    [name('memory'), chart('Peak memory', 'GB', (cell) => peakBytes(cell) / 1e9)],
    [name('time'), chart('Time of a step', 'seconds', typicalSeconds)],
  ]);
}
