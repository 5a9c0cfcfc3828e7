/** Results as Markdown tables, and their place in a document. */
import { InputError } from '../src/errors.js';
import { firstPictureSeconds, pictureSeconds } from './pictures.js';
import { cellsOf, titleOf } from './plan.js';
import {
  allSeconds,
  type Cell,
  type CellResult,
  type Measurement,
  measured,
  peakBytes,
  type Result,
  type Side,
  sameCell,
  typical,
  typicalSeconds,
} from './result.js';
import { type Point, SAMPLER_STEPS, SIZES, type Size } from './sizes.js';
import { arithmeticLimit, forwardFlops, gemmRate } from './targets.js';

const SIDE_NAMES: Readonly<Record<Side, string>> = { ours: 'ours', pytorch: 'PyTorch' };

export function toMarkdown(result: Result): string {
  const { points }: Size = SIZES[result.size];
  const [first, ...others] = points;
  const larger = others.filter(({ pixels }) => pixels !== first.pixels);
  const parts = [
    `### ${result.title[0]!.toUpperCase()}${result.title.slice(1)}`,
    conditions(result),
    ...[first, ...larger].map((point) => pointTable(result, point)),
    growthTable(result, first.pixels),
    pictureTable(result),
    adapterTable(result),
    startTable(result),
    toldTable(result),
    arithmetic(result),
    missing(result),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function conditions({ machine, threads, allocator, versions, unet, cells }: Result): string {
  const days = cells.flatMap(({ measurements }) => measurements.map(({ at }) => at.slice(0, 10))).sort();
  const when = days[0] === days.at(-1) ? days[0] : `${days[0]} to ${days.at(-1)}`;
  const pytorch = versions
    ? `PyTorch ${versions.torch}, diffusers ${versions.diffusers}, ${versions.peft ? `PEFT ${versions.peft}, ` : ''}Python ${versions.python}`
    : 'no PyTorch';
  return (
    `Measured on ${when}: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}; ` +
    `${threads} threads; ${allocator}; Node ${machine.node}, ONNX Runtime ${machine.onnxruntime}; ${pytorch}.\n` +
    `UNet of ${millions(unet.parameters)} weights, ${unet.tokens} tokens; θ = ${unet.threshold}, LoRA of rank ${unet.loraRank}.`
  );
}

/** Works whose rows are in tables of their own. */
const ELSEWHERE = /^(sample|adapters|start-.*)$/;

function measuredAt(result: Result, point: Point): CellResult[] {
  return cellsOf(result.size, { batch: [point.batch], pixels: [point.pixels] }).flatMap((cell) => {
    const found = ELSEWHERE.test(cell.work) ? undefined : measured(result, cell);
    return found ? [found] : [];
  });
}

function pointTable(result: Result, point: Point): string {
  const cells = measuredAt(result, point);
  if (cells.length === 0) return '';
  const ours = measured(result, { side: 'ours', work: 'sara', ...point });
  const rows = cells.map((cell) => {
    const comparable = ours && cell.measurements[0]!.trained !== undefined;
    const ratio = (get: (of: CellResult) => number) =>
      comparable ? (get(cell) / get(ours)).toFixed(2) : '–';
    return [
      titleOf(cell),
      SIDE_NAMES[cell.side],
      trainedOf(cell),
      range(cell),
      gigabytes(peakBytes(cell)),
      ratio(typicalSeconds),
      ratio(peakBytes),
    ];
  });
  const head = ['', '', 'trained', 'seconds (min–max)', 'peak memory', 'time, ours = 1', 'memory, ours = 1'];
  return `**${point.pixels} pixels, batch ${point.batch}**\n\n${table(head, rows)}`;
}

/** How time and memory grow with the batch. */
function growthTable(result: Result, pixels: number): string {
  const batches = result.points.filter((point) => point.pixels === pixels).map(({ batch }) => batch);
  const cells = cellsOf(result.size, { batch: [batches.at(-1)!], pixels: [pixels] });
  const growing = cells.filter((cell) =>
    result.cells.some(
      ({ batch, ...other }) => batch > 1 && sameCell({ ...other, batch }, { ...cell, batch }),
    ),
  );
  if (batches.length < 2 || growing.length === 0) return '';
  const rows = growing.map((cell) => [
    titleOf(cell),
    SIDE_NAMES[cell.side],
    ...batches.map((batch) => growthCell(result, { ...cell, batch })),
  ]);
  const head = ['', '', ...batches.map((batch) => `batch ${batch}`)];
  return `**${pixels} pixels: seconds and peak memory of a step**\n\n${table(head, rows)}`;
}

function growthCell(result: Result, cell: Cell): string {
  const found = measured(result, cell);
  if (found) return `${digits(typicalSeconds(found))} s, ${gigabytes(peakBytes(found))}`;
  return result.cells.some((other) => sameCell(other, cell)) ? 'not possible' : '–';
}

function pictureTable(result: Result): string {
  const { sampleAt }: Size = SIZES[result.size];
  if (!sampleAt) return '';
  const rows = (['ours', 'pytorch'] as const).flatMap((side) => {
    const cell = measured(result, { side, work: 'sample', ...sampleAt });
    if (!cell) return [];
    const part = (name: string) => digits(typical(cell, ({ parts }) => parts![name]!));
    return [
      [
        SIDE_NAMES[side],
        range(cell),
        part('text'),
        part('decode'),
        digits(pictureSeconds(cell)),
        digits(firstPictureSeconds(cell)),
        gigabytes(peakBytes(cell)),
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = [
    ...['', 'a step (min–max)', 'text', 'decoder', `${SAMPLER_STEPS} steps in all`],
    ...['the first picture', 'peak memory'],
  ];
  return `**Drawing at ${sampleAt.pixels} pixels with guidance, in seconds** (${SAMPLER_STEPS} steps from those timed, text and decoder timed once each)\n\n${table(head, rows)}`;
}

function adapterTable(result: Result): string {
  const cell = measured(result, { side: 'ours', work: 'adapters', ...SIZES[result.size].points[0] });
  if (!cell) return '';
  const part = (name: string) => digits(typical(cell, ({ parts }) => parts![name]!));
  const rows = [
    [
      ...['read', 'apply'].map(part),
      range(cell),
      ...['switch', 'both', 'remove', 'fingerprint'].map(part),
      gigabytes(peakBytes(cell)),
    ],
  ];
  const head = [
    ...['read the file', 'apply', 'change the scale', 'switch to another', 'both at once', 'remove'],
    ...['fingerprint of the model, once', 'peak memory'],
  ];
  return `**Adapters of ${millions(cell.measurements[0]!.trained!)} entries on the model in memory, in seconds**\n\n${table(head, rows)}`;
}

function startTable(result: Result): string {
  const [first] = SIZES[result.size].points;
  const rows = cellsOf(result.size, { batch: [first.batch], pixels: [first.pixels] }).flatMap((cell) => {
    const found = cell.work.startsWith('start-') ? measured(result, cell) : undefined;
    if (!found) return [];
    const seconds = (get: (of: Measurement) => number) => digits(typical(found, get));
    return [
      [
        titleOf(cell),
        SIDE_NAMES[cell.side],
        seconds(({ parts }) => parts!.load!),
        seconds(({ parts }) => parts!.select!),
        seconds((of) => of.seconds[0]!),
        seconds(({ firstStepSeconds }) => firstStepSeconds!),
        gigabytes(peakBytes(found)),
      ],
    ];
  });
  if (rows.length === 0) return '';
  const head = ['', '', 'load', 'select', 'first step', 'the process until then', 'peak memory'];
  return `**From a checkpoint in float16 on disk to the first step, in seconds**\n\n${table(head, rows)}`;
}

/** How well the memory was told beforehand. */
function toldTable(result: Result): string {
  const rows = result.cells.flatMap((cell) => {
    const told = cell.measurements[0]?.toldBytes;
    if (told === undefined) return [];
    const taken = peakBytes(cell);
    const where = `${cell.pixels} pixels, batch ${cell.batch}`;
    return [[titleOf(cell), where, gigabytes(told), gigabytes(taken), (told / taken).toFixed(2)]];
  });
  if (rows.length === 0) return '';
  const head = ['', '', 'told beforehand', 'taken', 'told / taken'];
  return `**Memory as \`sara train\` would tell it**\n\n${table(head, rows)}`;
}

/** What the machine's matrix products allow. */
function arithmetic(result: Result): string {
  const [ours, theirs] = [gemmRate(result, 'ours'), gemmRate(result, 'pytorch')];
  if (!ours) return '';
  const rates = [`${gigaflops(ours)} GFLOP/s in ONNX Runtime`];
  if (theirs) rates.push(`${gigaflops(theirs)} in PyTorch`);
  const limits = result.points.flatMap((point) => {
    const flops = forwardFlops(result, point);
    const limit = arithmeticLimit(result, point);
    if (flops === undefined || limit === undefined) return [];
    return [
      `${point.pixels} pixels, batch ${point.batch}: ${(flops / 1e9).toFixed(0)} GFLOP forward, ${digits(limit)} s`,
    ];
  });
  return (
    `Matrix products of 2048×2048 run at ${rates.join(' and ')}. At the better of these rates, a step that computes no ` +
    `gradient it does not need takes at least twice the forward pass: ${limits.join('; ')}.`
  );
}

/** What was not measured, and why. */
function missing(result: Result): string {
  const skipped = result.cells.filter(({ measurements, skipped }) => skipped && measurements.length === 0);
  if (skipped.length === 0) return '';
  const lines = skipped.map(
    (cell) =>
      `- ${titleOf(cell)} (${SIDE_NAMES[cell.side]}), ${cell.pixels} pixels, batch ${cell.batch}: ${cell.skipped}`,
  );
  return `Not measured:\n\n${lines.join('\n')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function trainedOf({ measurements }: CellResult): string {
  const { trained } = measurements[0]!;
  return trained === undefined ? '–' : millions(trained);
}

function range(cell: CellResult): string {
  const seconds = allSeconds(cell);
  const shown = `${digits(Math.min(...seconds))}–${digits(Math.max(...seconds))}`;
  const what = cell.measurements[0]!.weights ? `${shown} by shape` : shown;
  return `${digits(typicalSeconds(cell))} (${what})`;
}

export function digits(seconds: number): string {
  return seconds >= 10 ? seconds.toFixed(1) : seconds.toPrecision(3);
}

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const gigaflops = (rate: number): string => (rate / 1e9).toFixed(0);

function millions(count: number): string {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e3).toFixed(0)}k`;
}

/** The document with what stands between the marks of this name replaced. */
export function insertBetweenMarks(document: string, name: string, text: string): string {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [document.indexOf(start), document.indexOf(end)];
  if (from < 0 || to < from) {
    throw new InputError(
      `docs/performance.md lacks the marks ${start} and ${end}; put them where the table belongs`,
    );
  }
  return `${document.slice(0, from + start.length)}\n${text}\n${document.slice(to)}`;
}
