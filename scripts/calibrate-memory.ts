/**
 * `npm run build && npx tsx scripts/calibrate-memory.ts`: what `sara train` says it will take beside what it took, for the
 * emoji model and for one with a UNet of 85M weights. Where they differ by more than 10 %, correct MEASURED in
 * src/train/memory/estimate.ts. Linux only.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SD15 } from '../bench/model-configs.js';
import { writeRandomModel } from '../bench/random-model.js';
import { encodePng } from '../src/formats/index.js';
import { Random } from '../src/tensor/index.js';
import type { RunEvent, TrainInput } from '../src/train/index.js';

/** A quarter of Stable Diffusion 1.5's widths at its depth, and small encoders. */
const MIDDLE = {
  unet: { ...SD15.unet, block_out_channels: [160, 320, 320, 320] },
  vae: { ...SD15.vae, block_out_channels: [32, 32, 64, 64], layers_per_block: 1 },
  textEncoder: { ...SD15.textEncoder, num_hidden_layers: 2 },
  scheduler: SD15.scheduler,
  tokenizer: 'models/clip-tokenizer',
};
const SIDE = 256;
const PROBE = pathToFileURL(resolve('test/support/resource-usage.mjs')).href;

const folder = await mkdtemp(join(tmpdir(), 'sara-calibrate-'));
try {
  const [model, data] = [join(folder, 'model'), join(folder, 'data')];
  await writeRandomModel(model, MIDDLE, 'float16');
  await drawPictures(data);
  const emoji = { model: 'models/emoji', data: 'data/fluent-3d', batch: 16 };
  const middle = { model, data, size: SIDE, params: 5_000_000 };
  const runs: Partial<TrainInput>[] = [
    emoji,
    { ...emoji, gradientCheckpointing: true },
    { ...middle, batch: 1 },
    { ...middle, batch: 4 },
    { ...middle, batch: 4, gradientCheckpointing: true },
    { ...middle, batch: 2, weightDtype: 'float16' },
    { ...middle, batch: 2, params: undefined, method: 'full' },
  ];
  for (const run of runs) await compare(run);
} finally {
  await rm(folder, { recursive: true });
}

/** Prints one line: the settings, and megabytes as told, as taken, and their ratio. */
async function compare(run: Partial<TrainInput>): Promise<void> {
  const out = join(folder, 'run');
  const report = join(folder, 'resources.json');
  const flags = Object.entries({ ...run, steps: 2, out }).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === undefined ? [] : value === true ? [flag] : [flag, String(value)];
  });
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', PROBE, 'dist/cli/main.js', 'train', ...flags, '--json'],
    { encoding: 'utf8', env: { ...process.env, SARA_RESOURCES: report } },
  );
  await rm(out, { recursive: true, force: true });
  if (status !== 0) throw new Error(stderr);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent);
  const { estimate } = events.find((event) => event.type === 'memory')!;
  const { peakBytes } = JSON.parse(await readFile(report, 'utf8')) as { peakBytes: number };
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const { model, data, ...settings } = run;
  const name = model === 'models/emoji' ? 'emoji' : 'middle';
  const ratio = (estimate.peak / peakBytes).toFixed(2);
  console.log(
    `${name} ${JSON.stringify(settings)}: told ${megabytes(estimate.peak)}, took ${megabytes(peakBytes)}, ${ratio}`,
  );
  console.log(`  ${estimate.parts.map((part) => `${part.name} ${megabytes(part.bytes)}`).join(', ')}`);
}

async function drawPictures(folder: string): Promise<void> {
  await mkdir(folder);
  for (let i = 0; i < 4; i++) {
    const data = Uint8Array.from(new Random(i, 'picture').integers(3 * SIDE ** 2, 0, 256));
    await writeFile(join(folder, `${i}.png`), await encodePng({ width: SIDE, height: SIDE, data }));
    await writeFile(join(folder, `${i}.txt`), `picture number ${i}`);
  }
}
