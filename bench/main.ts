/** `npm run bench`: time and memory of this library and of its peers in PyTorch, on one machine in one run. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { InputError } from '../src/errors.js';
import { exists } from '../src/formats/index.js';
import { UNET, unetParameterShapes } from '../src/models/index.js';
import { sizeOf } from '../src/tensor/index.js';
import { memoryLimit } from '../src/train/memory/limit.js';
import { measureOurs, measureTheirs, pythonVersions } from './children.js';
import { writeDocs } from './docs.js';
import { expectedBytes } from './expected-memory.js';
import { forwardFlopsOf } from './flops.js';
import { machineFacts, tcmalloc } from './machine.js';
import { cellsOf, interleaved, type Selection, titleOf, WORK_NAMES } from './plan.js';
import { writeRandomNetwork } from './random-model.js';
import { expectedThreshold } from './random-weights.js';
import { RANK_SHARE, rankMatrices } from './rank-matrices.js';
import { digits, gigabytes } from './report.js';
import { type Cell, type Measurement, type PythonVersions, type Result, SIDES } from './result.js';
import { ResultFile } from './result-file.js';
import { caseOf, SAMPLER_STEPS, SIZE_NAMES, SIZES, type Size, type SizeName } from './sizes.js';

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

interface Options extends Selection {
  readonly python?: string | undefined;
  /** The official code's folder. */
  readonly saraRepo?: string | undefined;
  readonly threads: number;
  readonly rounds: number;
  readonly again: boolean;
  readonly results: string;
}

/** Measures a size; false where something could not be measured that should have been. */
async function measureSize(name: SizeName, options: Options): Promise<boolean> {
  const versions = options.python === undefined ? undefined : await pythonVersions(options.python);
  const file = await ResultFile.open(
    join(options.results, `${name}.json`),
    freshResult(name, versions, options),
  );
  const cells = cellsOf(name, options);
  file.forget(cells, options.again);
  const checkpoint = join(options.results, '.checkpoint', name);
  let complete = true;
  try {
    const seen = new Map<string, number>();
    for (const cell of interleaved(cells, options.rounds)) {
      const key = describe(cell);
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (file.count(cell) >= seen.get(key)!) continue;
      const obstacle = obstacleTo(name, cell, versions, options);
      if (obstacle) {
        await file.skip(cell, obstacle);
        continue;
      }
      if (cell.work.startsWith('start-')) await prepareCheckpoint(checkpoint, name);
      try {
        const measurement = await measureCell(name, cell, checkpoint, options);
        await file.add(cell, measurement);
        console.error(`${name}, ${key}: ${summary(measurement)}`);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        complete = false;
        await file.skip(cell, error.message);
        console.error(`${name}, ${key}: ${error.message}`);
      }
    }
  } finally {
    await rm(join(options.results, '.checkpoint'), { recursive: true, force: true });
  }
  return complete;
}

function freshResult(name: SizeName, versions: PythonVersions | undefined, { threads }: Options): Result {
  const size: Size = SIZES[name];
  const shapes = unetParameterShapes(UNET.parseConfig(size.unet));
  return {
    size: name,
    title: size.title,
    machine: machineFacts(),
    threads,
    allocator: tcmalloc() ? 'tcmalloc preloaded on both sides' : "the system's allocator",
    versions,
    unet: {
      parameters: [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
      threshold: expectedThreshold(size.unet, size.trained),
      tokens: size.tokens,
      loraRank: size.loraRank,
    },
    points: size.points.map((point) => ({ ...point, forwardFlops: forwardFlopsOf(caseOf(size, point)) })),
    cells: [],
  };
}

/** Why a cell cannot be measured here. */
function obstacleTo(
  name: SizeName,
  cell: Cell,
  versions: PythonVersions | undefined,
  { saraRepo }: Options,
): string | undefined {
  if (cell.side === 'pytorch' && !versions)
    return 'there is no Python with torch and diffusers; give --python';
  if (/official/.test(cell.work) && !saraRepo)
    return 'the official code is not at hand; clone github.com/sjtuplayer/SaRA and give --sara-repo';
  if (/lora/.test(cell.work) && !versions?.peft) return 'the Python has no PEFT';
  const needed = expectedBytes(caseOf(SIZES[name], cell), cell);
  if (needed > memoryLimit())
    return `needs about ${gigabytes(needed)}, more than this machine's ${gigabytes(memoryLimit())}`;
  return undefined;
}

function measureCell(
  name: SizeName,
  cell: Cell,
  checkpoint: string,
  { python, saraRepo, threads }: Options,
): Promise<Measurement> {
  const { side, work, pixels, batch } = cell;
  if (side === 'ours') {
    const request = { size: name, point: { pixels, batch }, threads, checkpoint };
    return work === 'sara-system'
      ? measureOurs({ ...request, work: 'sara' }, '')
      : measureOurs({ ...request, work });
  }
  const of = caseOf(SIZES[name], cell);
  const threshold = expectedThreshold(of.unet, of.trained);
  const shared = { rankMatrices: rankMatrices(of.unet), rankShare: RANK_SHARE, samplerSteps: SAMPLER_STEPS };
  return measureTheirs(python!, work, { ...of, ...shared, threshold, saraRepo, checkpoint }, threads);
}

async function prepareCheckpoint(folder: string, name: SizeName): Promise<void> {
  if (await exists(join(folder, 'config.json'))) return;
  await writeRandomNetwork(folder, 'unet', UNET, SIZES[name].unet, 'float16');
}

const describe = (cell: Cell): string =>
  `${titleOf(cell)} (${cell.side}), ${cell.pixels} pixels, batch ${cell.batch}`;

function summary({ seconds, peakBytes }: Measurement): string {
  return `${digits(Math.min(...seconds))} to ${digits(Math.max(...seconds))} s, ${gigabytes(peakBytes)}`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0.');
  return Number(text);
}

const wholeNumbers = (text: string, before: readonly number[] | undefined): readonly number[] => [
  ...(before ?? []),
  wholeNumber(text),
];

const program = new Command('bench')
  .description(
    'Measure time and peak memory beside PyTorch; Linux only, since peaks are read from /proc. Finished measurements of the last day are kept, so that the same command goes on where it was stopped.',
  )
  .addOption(
    new Option('--size <names...>', 'model sizes')
      .choices(SIZE_NAMES)
      .default(['emoji', 'sd15', 'sdxl'] as const),
  )
  .addOption(new Option('--only <works...>', 'what to measure').choices(WORK_NAMES))
  .addOption(new Option('--side <name>', 'whom to measure').choices(SIDES))
  .addOption(new Option('--batch <n...>', 'batches to measure').argParser(wholeNumbers))
  .addOption(new Option('--pixels <n...>', 'picture sizes to measure').argParser(wholeNumbers))
  .addOption(new Option('--python <path>', 'a Python with torch and diffusers').env('SARA_BENCH_PYTHON'))
  .addOption(
    new Option('--sara-repo <folder>', 'a clone of github.com/sjtuplayer/SaRA').env('SARA_BENCH_REPO'),
  )
  .option('--threads <n>', 'threads of both sides', wholeNumber, 2)
  .option('--rounds <n>', 'processes for each measurement, spread over the run', wholeNumber, 2)
  .option('--again', 'measure anew what was measured before', false)
  .option('--results <folder>', 'where results are kept', pathOf('results'))
  .option('--write-docs', 'measure nothing: write tables and plots from the results into docs/', false)
  .action(async ({ size: sizes, writeDocs: writeOnly, ...options }) => {
    if (!writeOnly) {
      for (const name of sizes as SizeName[]) if (!(await measureSize(name, options))) process.exitCode = 1;
    }
    if (options.results === pathOf('results')) await writeDocs();
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
