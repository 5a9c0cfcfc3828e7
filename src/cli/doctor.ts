/** `sara doctor`: what this machine can run, and how fast. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { z } from 'zod';
import { exists } from '../formats/index.js';
import { type Graph, graphOf, input } from '../graph/index.js';
import { compile, conv2d, gemm } from '../ops/index.js';
import { availableDevices, DEVICES, type Device, type RuntimeOptions } from '../runtime/index.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { flag, oneOf, text, whole } from '../train/settings.js';
import type { CommandSpec } from './command.js';
import { bytes } from './text.js';

const schema = z.strictObject({
  model: text('a model folder')
    .default('models/emoji')
    .meta({ argument: '<folder>', help: 'model to look for' }),
  device: oneOf(DEVICES).optional().meta({ argument: '<name>', help: 'try this one alone' }),
  threads: whole(1)
    .optional()
    .meta({ argument: '<n>', help: 'threads of an operator; all cores unless given' }),
  json: flag().default(false).meta({ help: 'as JSON' }),
});

interface DeviceReport {
  device: string;
  /** Empty where it works. */
  problem: string;
  gemmGflops: number;
  convGflops: number;
}

export const doctor: CommandSpec<typeof schema> = {
  name: 'doctor',
  summary: 'Tell what this machine can run, and measure how fast.',
  schema,
  examples: ['sara doctor', 'sara doctor --json'],
  async run({ model, device, threads, json }) {
    const devices: DeviceReport[] = [];
    if (device) devices.push(await tryDevice({ device, threads }));
    else for (const each of DEVICES.filter(isBuiltIn)) devices.push(await tryInProcess(each));
    const report = {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      processor: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memory: { total: totalmem(), free: freemem() },
      devices,
      model: { path: model, found: await exists(model) },
    };
    if (json) {
      console.log(JSON.stringify(report, null, 2));
      return 0;
    }
    const { memory } = report;
    const rows = [
      ['Node.js', report.node],
      ['system', report.platform],
      ['processor', `${report.processor}, ${report.cores} cores`],
      ['memory', `${bytes(memory.free)} free of ${bytes(memory.total)}`],
      ['model', `${model}: ${report.model.found ? 'found' : 'not found'}`],
      ...devices.map((entry) => [`device ${entry.device}`, describeDevice(entry)]),
    ];
    const width = Math.max(...rows.map(([name]) => name!.length));
    console.log(rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join('\n'));
    return 0;
  },
};

function describeDevice({ problem, gemmGflops, convGflops }: DeviceReport): string {
  if (problem !== '') return `does not work: ${problem}`;
  return `works: matrix products ${gemmGflops} GFLOP/s, convolutions ${convGflops} GFLOP/s`;
}

const isBuiltIn = (device: Device): boolean => availableDevices().includes(device);

/** Tries a device in a process of its own: drivers write what they like to standard error, and some crash. */
function tryInProcess(device: Device): Promise<DeviceReport> {
  const args = [...process.execArgv, process.argv[1]!, 'doctor', '--device', device, '--json'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 60_000 }, (error, stdout) => {
      if (!error) return resolve((JSON.parse(stdout) as { devices: [DeviceReport] }).devices[0]);
      const problem = error.killed
        ? 'it does not answer'
        : `the process ended with ${error.signal ?? error.code}`;
      resolve({ device, problem, gemmGflops: 0, convGflops: 0 });
    });
  });
}

async function tryDevice(runtime: RuntimeOptions): Promise<DeviceReport> {
  const report = { device: runtime.device!, problem: '', gemmGflops: 0, convGflops: 0 };
  try {
    report.gemmGflops = await measureGemm(runtime);
    report.convGflops = await measureConv(runtime);
  } catch (error) {
    const { message } = error as Error;
    report.problem = /Failed to [^)]*/.exec(message)?.[0] ?? message;
  }
  return report;
}

/** A square matrix product of 1024, as large linear layers are. */
function measureGemm(runtime: RuntimeOptions): Promise<number> {
  const side = 1024;
  const graph = graphOf({ out: gemm(input('a', [side, side]), input('b', [side, side])) });
  return gflops(graph, 2 * side ** 3, runtime);
}

/** Stable Diffusion's first 3×3 convolutions: 320 → 320 channels at 64×64. */
function measureConv(runtime: RuntimeOptions): Promise<number> {
  const [channels, side] = [320, 64];
  const [x, weight] = [input('x', [1, channels, side, side]), input('w', [channels, channels, 3, 3])];
  const out = conv2d(x, weight, undefined, { stride: 1, padding: [1, 1, 1, 1] });
  return gflops(graphOf({ out }), 2 * 9 * channels ** 2 * side ** 2, runtime);
}

/** Billions of operations a second, in the best of a few runs. */
async function gflops(graph: Graph, operations: number, runtime: RuntimeOptions): Promise<number> {
  const session = await compile(graph, runtime);
  const feeds = new Map<string, Tensor>(
    [...graph.inputs].map(([name, { shape }]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return [name, tensor(shape, new Float32Array(size).fill(0.5))];
    }),
  );
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 6; run++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await session.dispose();
  return Math.round(operations / best / 1e6);
}
