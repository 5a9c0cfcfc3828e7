/** `npm run bench`: step time and peak memory of this library, beside PyTorch on the same machine in the same run. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { InputError } from '../src/errors.js';
import { writeFileAtomic } from '../src/formats/index.js';
import { parseUNetConfig, unetParameterShapes } from '../src/models/index.js';
import { sizeOf } from '../src/tensor/index.js';
import { measureOurs, measureTheirs, pythonVersions } from './children.js';
import { machineFacts, tcmalloc } from './machine.js';
import { expectedThreshold } from './random-weights.js';
import { RANK_SHARE, rankMatrices } from './rank-matrices.js';
import { insertBetweenMarks, toMarkdown } from './report.js';
import type { Result, Row } from './result.js';
import { SIZE_NAMES, SIZES, type SizeName } from './sizes.js';

/** What is measured, in this order, and on which side. */
const ROWS = [
  { work: 'gemm', title: 'matrix product 2048×2048', ours: true, pytorch: true },
  { work: 'forward', title: 'forward pass, no gradient', ours: true, pytorch: true },
  { work: 'sara', title: 'SaRA', ours: true, pytorch: true },
  { work: 'sara-checkpoint', title: 'SaRA, blocks recomputed (`checkpoint`)', ours: true, pytorch: false },
  { work: 'full', title: 'full fine-tuning, AdamW', ours: true, pytorch: true },
  { work: 'lora', title: 'LoRA on all attention projections', ours: false, pytorch: true },
  { work: 'rank', title: 'rank loss of one matrix, mean over the draw', ours: true, pytorch: true },
] as const;
const WORK_NAMES = ROWS.map(({ work }) => work);

interface Options {
  readonly only: readonly string[];
  readonly python?: string | undefined;
  readonly threads: number;
}

async function measure(name: SizeName, { only, python, threads }: Options): Promise<Result> {
  const size = SIZES[name];
  const config = parseUNetConfig(size.unet);
  const threshold = expectedThreshold(config, size.trained);
  const versions = python === undefined ? undefined : await pythonVersions(python);
  const sizeForPython = { ...size, threshold, rankMatrices: rankMatrices(size), rankShare: RANK_SHARE };
  const rows: Row[] = [];
  for (const { work, title, ours, pytorch } of ROWS) {
    if (!only.includes(work)) continue;
    console.error(`${name}: ${title}`);
    rows.push({
      work,
      title,
      ours: ours ? await measureOurs(name, work, threads) : undefined,
      pytorch: pytorch && versions ? await measureTheirs(python!, sizeForPython, work, threads) : undefined,
    });
  }
  const parameters = [...unetParameterShapes(config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const { batch, latents, tokens, trained } = size;
  return {
    size: name,
    title: size.title,
    date: new Date().toISOString().slice(0, 10),
    machine: machineFacts(),
    versions,
    threads,
    allocator: tcmalloc() ? 'tcmalloc preloaded on both sides' : "the system's allocator",
    unet: {
      parameters,
      trained: rows.find(({ work }) => work === 'sara')?.ours?.trained ?? trained,
      threshold,
      batch,
      latents,
      tokens,
    },
    rows,
  };
}

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

async function publish(result: Result, table: string): Promise<void> {
  await writeFileAtomic(pathOf(`results/${result.size}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  const page = pathOf('../docs/performance.md');
  await writeFileAtomic(page, insertBetweenMarks(readFileSync(page, 'utf8'), result.size, table));
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0.');
  return Number(text);
}

const program = new Command('bench')
  .description(
    'Measure step time and peak memory beside PyTorch; Linux only, since peaks are read from /proc.',
  )
  .addOption(
    new Option('--size <names...>', 'model sizes').choices(SIZE_NAMES).default(['emoji', 'sd15'] as const),
  )
  .addOption(
    new Option('--only <works...>', 'rows to measure; a partial table is printed, not kept').choices(
      WORK_NAMES,
    ),
  )
  .addOption(new Option('--python <path>', 'a Python with torch and diffusers').env('SARA_BENCH_PYTHON'))
  .option('--threads <n>', 'threads of both sides', wholeNumber, 2)
  .action(async ({ size: sizes, only, python, threads }) => {
    for (const size of sizes as SizeName[]) {
      const result = await measure(size, { only: only ?? WORK_NAMES, python, threads });
      const table = toMarkdown(result);
      console.log(`${table}\n`);
      if (only === undefined && size !== 'tiny') await publish(result, table);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
