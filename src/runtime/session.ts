/** The only module that knows ONNX Runtime: providers, threads, memory options, running and disposal. */
import * as ort from 'onnxruntime-node';
import { InputError } from '../errors.js';
import type { DType, Tensor } from '../tensor/index.js';

/** Where graphs run; `cpu` and, on Linux x64, macOS arm64 and Windows, `webgpu` come with the package. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;
export type Device = (typeof DEVICES)[number];

export interface RuntimeOptions {
  device?: Device;
  /** Threads of one operator; all cores unless said. The same number gives the same bits on the same machine. */
  threads?: number;
  /**
   * One of many sessions that run in turn: between its runs it keeps no buffers, and its threads sleep rather than wait
   * busily, which would slow the session whose turn it is.
   */
  inTurn?: boolean;
}

/** Execution providers of the package on this platform. */
export function availableDevices(): Device[] {
  return ort.listSupportedBackends().map(({ name }) => name as Device);
}

const ORT_TYPE: Partial<Record<DType, ort.Tensor.Type>> = {
  float32: 'float32',
  float64: 'float64',
  float16: 'float16',
  int64: 'int64',
  int32: 'int32',
  int16: 'int16',
  int8: 'int8',
  uint8: 'uint8',
  bool: 'bool',
};

function toOrt({ dtype, shape, data }: Tensor): ort.Tensor {
  const type = ORT_TYPE[dtype];
  if (!type) throw new Error(`ONNX Runtime for Node has no ${dtype} tensors; convert to float32 first`);
  return new ort.Tensor(type, data as ort.Tensor.DataTypeMap['float32'], shape);
}

function fromOrt(value: ort.Tensor): Tensor {
  const { type, dims, data } = value;
  return { dtype: type as DType, shape: dims, data: data as Float32Array };
}

const NONE: ReadonlyMap<string, Tensor> = new Map();

/** A compiled graph on a device. Runs block the calling thread, so long work belongs into a worker. */
export class Session {
  private constructor(private readonly session: ort.InferenceSession) {}

  /** Compiles ONNX bytes. Throws InputError where the device is not to be had on this machine. */
  static async create(
    model: Uint8Array,
    { device = 'cpu', threads, inTurn = false }: RuntimeOptions = {},
  ): Promise<Session> {
    try {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
        graphOptimizationLevel: 'all',
        executionMode: 'sequential',
        // A memory pattern reserves the peak of all buffers at once: twice the memory on a training graph.
        enableMemPattern: false,
        enableCpuMemArena: !inTurn,
        logSeverityLevel: 3,
        extra: {
          session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: inTurn ? '0' : '1' } },
        },
        ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      });
      return new Session(session);
    } catch (error) {
      if (device === 'cpu') throw error;
      const reason = String(error instanceof Error ? error.message : error).split('\n')[0];
      throw new InputError(
        `device "${device}" cannot be used on this machine (${reason}); choose --device cpu`,
      );
    }
  }

  get inputNames(): readonly string[] {
    return this.session.inputNames;
  }

  /**
   * Runs the graph. Feeds are read in place; outputs are written into the tensors given for them, or new. Unknown feeds
   * are ignored.
   */
  async run(
    feeds: ReadonlyMap<string, Tensor>,
    given: ReadonlyMap<string, Tensor> = NONE,
  ): Promise<Map<string, Tensor>> {
    const inputs: Record<string, ort.Tensor> = {};
    for (const name of this.session.inputNames) {
      const feed = feeds.get(name);
      if (!feed) throw new Error(`no value for graph input "${name}"`);
      inputs[name] = toOrt(feed);
    }
    const fetches = this.session.outputNames.map((name) => [
      name,
      given.has(name) ? toOrt(given.get(name)!) : null,
    ]);
    const outputs = await this.session.run(inputs, Object.fromEntries(fetches));
    return new Map(
      Object.entries(outputs).map(([name, value]) => [name, given.get(name) ?? fromOrt(value as ort.Tensor)]),
    );
  }

  /** Frees the session's memory. */
  async dispose(): Promise<void> {
    await this.session.release();
  }
}
