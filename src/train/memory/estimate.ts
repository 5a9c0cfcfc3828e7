/** How much memory a training run takes, told from configurations and shapes before anything is loaded. */
import { type GradientRequest, type Kernels, planLoss, type StagePlan } from '../../autodiff/index.js';
import { noiseSchedule } from '../../diffusion/index.js';
import { graphOf, input, type Value } from '../../graph/index.js';
import { MOST_FLOATS } from '../../kernels/piece.js';
import {
  CLIP_TEXT,
  type ClipTextConfig,
  tokenTable,
  UNET,
  type UNetConfig,
  VAE,
  type VaeConfig,
  vaeDecode,
  vaeEncode,
  vaeScaleFactor,
} from '../../models/index.js';
import { type Network, parameterInput, Scope, type Weight } from '../../nn/index.js';
import type { Addition, MethodCost } from '../../peft/index.js';
import { BYTES_PER_ELEMENT, sizeOf, tensorOf } from '../../tensor/index.js';
import { DiffusionObjective } from '../diffusion-objective.js';
import { programBytes } from './program-bytes.js';
import { bytesOf, sessionBytes } from './session-bytes.js';
import { adaptShapeOnly, shapeOnlyBatch, shapeOnlyNetwork } from './shape-only.js';

/** What decides how much memory a run takes. */
export interface MemoryRequest {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  /** Bytes of the weights of the autoencoder and the text encoders, in float32. */
  readonly encoderBytes: number;
  /** Whether they are needed while training, since each step cuts its pictures anew. */
  readonly encodersStay: boolean;
  /** How the UNet's weights are kept. */
  readonly weightDtype: Weight['dtype'];
  /** How many entries of each of the UNet's weights train, by checkpoint key; of those that are not named, all. */
  readonly trained: ReadonlyMap<string, number>;
  /** The text encoder where rows at the end of its table train, and how many. */
  readonly textEncoder?: { readonly config: ClipTextConfig; readonly rows: number } | undefined;
  /** What a method adds to the UNet, all of which trains; nothing unless said. */
  readonly addition?: Addition | undefined;
  /** Bytes that the optimizer keeps for each entry that trains, by how the UNet's weights are kept. */
  readonly state: MethodCost['state'];
  /** Side of the pictures, in pixels. */
  readonly size: number;
  /** Pictures at once. */
  readonly batch: number;
  /** Batches that are averaged for one step. */
  readonly accumulate: number;
  /** Length of the text condition. */
  readonly tokens: number;
  /** Whether blocks are recomputed in the backward pass. */
  readonly checkpoint: boolean;
  /** Whether gradients are scaled down to a norm, for which all have to be there. */
  readonly clips: boolean;
  /** Whether a moving average of the weights is kept. */
  readonly average: boolean;
  /** Whether samples are drawn now and then. */
  readonly draws: boolean;
  /** Whether pictures are drawn before training begins; not unless said. */
  readonly drawsFirst?: boolean;
  /** Whether each picture has one of its class beside it; not unless said. */
  readonly prior?: boolean;
}

export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
}

export interface MemoryEstimate {
  /** The most that the run takes at once. */
  readonly peak: number;
  /** What is there at that moment. */
  readonly parts: readonly MemoryPart[];
  /** What cannot be done without: weights, and what trains. */
  readonly least: number;
}

/** What shapes do not tell, measured; scripts/calibrate-memory.ts measures it anew. */
const MEASURED = {
  /** Node.js, ONNX Runtime and this program, before they do anything. */
  runtime: 120e6,
  /** Taken for each byte that the plan of a graph holds, where one graph keeps its buffers: its arena has gaps. */
  whole: 1.72,
  /** The same in stages that give them back. */
  staged: 1.4,
  /** For each node of a compiled graph. */
  node: 10e3,
};

const FLOAT = 4;

/** The schedule does not change the graph. */
const SCHEDULE = noiseSchedule({ beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' });

export function estimateMemory(request: MemoryRequest): MemoryEstimate {
  const { weightDtype, trained, average, clips, accumulate, encoderBytes } = request;
  let [total, entries] = [0, 0];
  for (const [key, { shape }] of shapeOnlyNetwork('unet', UNET, request.unet).parameters) {
    const size = sizeOf(shape);
    total += size;
    entries += trained.get(key) ?? size;
  }
  const text = textEncoderOf(request);
  entries += text?.trained ?? 0;
  for (const { shape } of request.addition?.parameters.values() ?? []) entries += sizeOf(shape);
  const state = entries * (request.state[weightDtype] ?? request.state.float32);
  const weights = total * BYTES_PER_ELEMENT[weightDtype];
  const program = { name: 'program', bytes: MEASURED.runtime };
  const encoders = { name: 'text encoder and autoencoder', bytes: encoderBytes };
  // Sums over micro-batches, or, for clipping, those at chosen entries; whole gradients are among the activations.
  const chosen = [...trained.values()].reduce((sum, count) => sum + count, text?.trained ?? 0);
  const held = accumulate > 1 ? entries : clips ? chosen : 0;
  const training = [
    program,
    { name: 'weights', bytes: weights },
    { name: 'training state', bytes: state },
    ...(text ? [{ name: 'text encoder', bytes: text.size * FLOAT }] : []),
    ...(average
      ? [{ name: 'moving average', bytes: (text?.size ?? (request.addition ? entries : total)) * FLOAT }]
      : []),
    { name: 'gradients', bytes: held * FLOAT },
    { name: 'activations', bytes: activationBytes(request) },
  ];
  const drawing = () => ({ name: 'drawing', bytes: drawingBytes(request) });
  const stages = [
    ...(request.drawsFirst ? [[program, { name: 'weights', bytes: weights }, encoders, drawing()]] : []),
    [program, encoders, { name: 'encoding of a picture', bytes: encodingBytes(request) }],
    [...training, { name: 'saving', bytes: entries * FLOAT }, ...(request.encodersStay ? [encoders] : [])],
    ...(request.draws ? [[...training, encoders, drawing()]] : []),
  ];
  const [parts] = stages.sort((a, b) => totalOf(b) - totalOf(a));
  return { peak: totalOf(parts!), parts: parts!, least: weights + state };
}

/** The estimate of whichever part of a run takes most. */
export function estimateLargest(requests: readonly MemoryRequest[]): MemoryEstimate {
  const [largest] = requests.map(estimateMemory).sort((a, b) => b.peak - a.peak);
  return largest!;
}

const totalOf = (parts: readonly MemoryPart[]): number => parts.reduce((sum, { bytes }) => sum + bytes, 0);

/** The text encoder that trains, without its weights: its size, its table, and how many entries of that train. */
function textEncoderOf({ textEncoder }: MemoryRequest) {
  if (!textEncoder) return undefined;
  const { config, rows } = textEncoder;
  const network = shapeOnlyNetwork('text_encoder', CLIP_TEXT, config);
  const size = [...network.parameters.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { network, size, table: tokenTable(network).key, trained: rows * config.hidden_size };
}

/** The UNet without its weights, with what is added to it. */
function unetOf({ unet, weightDtype, addition }: MemoryRequest): {
  network: Network<UNetConfig>;
  added?: Network;
} {
  const network = shapeOnlyNetwork('unet', UNET, unet, weightDtype);
  return addition ? { network, added: adaptShapeOnly(network, addition) } : { network };
}

/** Of a training step: what is kept for the backward pass, what is on its way, and compiled graphs. */
function activationBytes(request: MemoryRequest): number {
  const { unet, trained, checkpoint, prior } = request;
  const { network, added } = unetOf(request);
  const text = textEncoderOf(request);
  const objective = new DiffusionObjective(network, SCHEDULE, { textEncoder: text?.network });
  const latents = [unet.in_channels, ...latentSides(request)];
  const batch = prior ? 2 * request.batch : request.batch;
  const { outputs, weights } = objective.build(
    {
      ...shapeOnlyBatch(unet, { ...request, batch, latents }),
      ...(text ? { condition: zeroIds([batch, request.tokens]) } : {}),
    },
    { training: true },
  );
  const trains = (some: Network, counts: ReadonlyMap<string, number>) =>
    [...some.parameters.keys()].flatMap((key) => {
      const name = parameterInput(some, key);
      const count = counts.get(key);
      const positions = count === undefined ? undefined : new Int32Array(count);
      return count === 0 ? [] : [[name, { of: weights.get(name)!, positions }] as const];
    });
  const requests = new Map<string, GradientRequest>([
    ...trains(network, trained),
    ...(added ? trains(added, new Map()) : []),
  ]);
  if (text) {
    const name = parameterInput(text.network, text.table);
    requests.set(name, { of: weights.get(name)!, positions: new Int32Array(text.trained) });
  }
  const sampled = [...requests.values()].some(({ positions }) => positions);
  const plans = planLoss(outputs, requests, checkpoint, sampled ? UNUSED_KERNELS : undefined);
  const nodes = plans.reduce(
    (sum, { forward, backward }) => sum + (forward?.nodes.length ?? 0) + backward.nodes.length,
    0,
  );
  const factor = checkpoint ? MEASURED.staged : MEASURED.whole;
  return factor * programBytes(plans) + nodes * MEASURED.node + (sampled ? kernelBytes(plans) : 0);
}

const zeroIds = (shape: readonly number[]) => tensorOf('int32', shape, new Int32Array(sizeOf(shape)));

/** A plan says what would run, and runs nothing. */
const UNUSED_KERNELS = {} as Kernels;

/** Shared memory of the kernels for sampled gradients: both factors of a gradient, in pieces where they are large. */
function kernelBytes(plans: readonly StagePlan[]): number {
  const factors = plans.flatMap(({ readings }) =>
    [...readings.values()]
      .filter(({ passing }) => passing)
      .map(({ values }) => values.reduce((sum, value) => sum + bytesOf(value), 0)),
  );
  return KERNEL_BUFFERS + Math.min(FLOAT * MOST_FLOATS, Math.max(0, ...factors));
}

/** Copies and positions on their way to the kernels. */
const KERNEL_BUFFERS = 12e6;

/** Of one picture's latents. */
function encodingBytes({ vae, size }: MemoryRequest): number {
  const scope = Scope.of(shapeOnlyNetwork('vae', VAE, vae));
  return runBytes({ out: vaeEncode(scope, vae, input('picture', [1, vae.in_channels, size, size])) });
}

/** A sampler step with guidance and the decoder, whose compiled graphs both keep their buffers. */
function drawingBytes(request: MemoryRequest): number {
  const { unet, vae } = request;
  const { network } = unetOf(request);
  const latents = [unet.in_channels, ...latentSides(request)];
  const { outputs } = new DiffusionObjective(network, SCHEDULE).build(
    shapeOnlyBatch(unet, { ...request, batch: 2, latents }),
  );
  const decoder = Scope.of(shapeOnlyNetwork('vae', VAE, vae));
  const z = input('latents', [1, vae.latent_channels, ...latentSides(request)]);
  return runBytes({ out: outputs.loss }) + runBytes({ out: vaeDecode(decoder, vae, z) });
}

function runBytes(outputs: Readonly<Record<string, Value>>): number {
  const graph = graphOf(outputs);
  return MEASURED.whole * sessionBytes(graph).peak + graph.nodes.length * MEASURED.node;
}

function latentSides({ vae, size }: MemoryRequest): [number, number] {
  const side = size / vaeScaleFactor(vae);
  return [side, side];
}
