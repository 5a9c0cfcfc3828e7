/** Writes an ONNX model node by node; names are generated, weights stay outside as inputs. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { DType, Tensor } from '../../tensor/index.js';
import type { TensorType } from '../value.js';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx_pb.js';

/** ONNX operator set and IR version written; ONNX Runtime 1.30 reads them. */
const OPSET = 21n;
const IR_VERSION = 10n;
/** ONNX Runtime's own operators. */
const CONTRIB = { domain: 'com.microsoft', version: 1n };

const DATA_TYPE: Record<DType, DataType> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  int16: DataType.INT16,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  bool: DataType.BOOL,
};

export type OnnxAttribute = number | string | readonly number[] | { float: number };

/** Collects nodes, inputs, outputs and constants, and encodes them as an ONNX file. */
export class OnnxBuilder {
  private readonly nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
  private readonly initializers: MessageInitShape<typeof TensorProtoSchema>[] = [];
  private readonly inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  private readonly outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  private readonly shared = new Map<string, string>();
  /** What nodes make, and the names that some of it has as outputs of the graph. */
  private readonly made = new Set<string>();
  private readonly outputNames = new Map<string, string>();
  private counter = 0;

  private fresh(prefix: string): string {
    return `${prefix}_${this.counter++}`;
  }

  /** Appends a node and returns the names of its outputs. A number attribute is an int; `{ float }` is a float. */
  nodeOutputs(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute>,
    outputs: number,
    domain = '',
  ): string[] {
    const names = Array.from({ length: outputs }, () => this.fresh(opType));
    for (const name of names) this.made.add(name);
    this.nodes.push({
      opType,
      domain,
      name: names[0]!,
      input: [...inputs],
      output: names,
      attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    });
    return names;
  }

  /** Appends a node with one output and returns its name. */
  node(opType: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    return this.nodeOutputs(opType, inputs, attributes, 1)[0]!;
  }

  /** The same for an operator that ONNX Runtime has beyond ONNX's. */
  contribNode(
    opType: string,
    inputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
  ): string {
    return this.nodeOutputs(opType, inputs, attributes, 1, CONTRIB.domain)[0]!;
  }

  /** A constant; small whole-number and scalar constants are shared. */
  constant({ dtype, shape, data }: Tensor): string {
    const key = data.length <= 16 ? `${dtype}[${shape}]=${data.join()}` : undefined;
    const known = key === undefined ? undefined : this.shared.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('const');
    this.initializers.push({
      name,
      dims: shape.map(BigInt),
      dataType: DATA_TYPE[dtype],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });
    if (key !== undefined) this.shared.set(key, name);
    return name;
  }

  /** A 1-D int64 constant: shapes, axes, pads. */
  ints(values: readonly number[]): string {
    return this.constant({
      dtype: 'int64',
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  /** A scalar constant of a floating dtype. */
  float(value: number, dtype: DType = 'float32'): string {
    if (dtype === 'float64') return this.constant({ dtype, shape: [], data: Float64Array.of(value) });
    const name = this.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
    return dtype === 'float32' ? name : this.cast(name, dtype);
  }

  cast(name: string, dtype: DType): string {
    return this.node('Cast', [name], { to: DATA_TYPE[dtype] });
  }

  reshape(name: string, shape: readonly number[]): string {
    return this.node('Reshape', [name, this.ints(shape)]);
  }

  transpose(name: string, permutation: readonly number[]): string {
    return this.node('Transpose', [name], { perm: permutation });
  }

  slice(name: string, axes: readonly number[], starts: readonly number[], ends: readonly number[]): string {
    return this.node('Slice', [name, this.ints(starts), this.ints(ends), this.ints(axes)]);
  }

  input(name: string, type: TensorType): void {
    this.inputs.push(valueInfo(name, type));
  }

  /** Declares `source` as a graph output under `name`: what a node makes is made under that name, the rest copied. */
  output(name: string, source: string, type: TensorType): void {
    if (this.made.has(source) && !this.outputNames.has(source)) this.outputNames.set(source, name);
    else this.nodes.push({ opType: 'Identity', name: `output:${name}`, input: [source], output: [name] });
    this.outputs.push(valueInfo(name, type));
  }

  /** The bytes of the `.onnx` file. */
  encode(): Uint8Array {
    const renamed = (names: readonly string[]) => names.map((name) => this.outputNames.get(name) ?? name);
    const nodes = this.nodes.map(({ input, output, ...node }) => ({
      ...node,
      input: renamed(input!),
      output: renamed(output!),
    }));
    return toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, {
        irVersion: IR_VERSION,
        producerName: 'sara-diffusion',
        opsetImport: [{ domain: '', version: OPSET }, CONTRIB],
        graph: {
          name: 'graph',
          node: nodes,
          initializer: this.initializers,
          input: this.inputs,
          output: this.outputs,
        },
      }),
    );
  }
}

function attributeOf(name: string, value: OnnxAttribute): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === 'string')
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: Array.from(value, BigInt) };
}

function valueInfo(
  name: string,
  { dtype, shape }: TensorType,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((side) => ({ value: { case: 'dimValue' as const, value: BigInt(side) } }));
  return {
    name,
    type: { value: { case: 'tensorType', value: { elemType: DATA_TYPE[dtype], shape: { dim } } } },
  };
}
