/** Graphs: what they print, and the errors of those that do not fit together. */
import { describe, expect, test } from 'vitest';
import { graphOf, input, printGraph } from '../../src/graph/index.js';
import { add, concat, conv2d, gemm, matmul, reshape, transpose } from '../../src/ops/index.js';

test('a printed graph names inputs and outputs and shows every node with its type', () => {
  const x = input('x', [1, 3, 4, 4]);
  const y = conv2d(x, input('conv_in.weight', [8, 3, 3, 3]), undefined, { stride: 1, padding: [1, 1, 1, 1] });
  const text = printGraph(graphOf({ y: reshape(y, [1, -1]) })).replaceAll(/%\d+/g, '%n');
  expect(text).toMatchInlineSnapshot(`
    "input x: float32[1, 3, 4, 4]
    input conv_in.weight: float32[8, 3, 3, 3]
    %n: float32[1, 8, 4, 4] = conv2d(x, conv_in.weight) {"stride":1,"padding":[1,1,1,1]}
    %n: float32[1, 128] = reshape(%n) {"shape":[1,128]}
    output y = %n"
  `);
});

test('only what the outputs need is in the graph', () => {
  const [a, b] = [input('a', [2]), input('b', [2])];
  add(a, b);
  const graph = graphOf({ sum: add(a, a) });
  expect([...graph.inputs.keys()]).toEqual(['a']);
  expect(graph.nodes.map((node) => node.op)).toEqual(['input', 'add']);
});

describe('errors name the operator, what was expected and what was got', () => {
  const matrix = (rows: number, columns: number) => input('m', [rows, columns]);
  test.each([
    [
      'add',
      /^add: expected shapes that broadcast, got float32\[2, 3\] and float32\[4, 3\]$/,
      () => add(matrix(2, 3), matrix(4, 3)),
    ],
    [
      'add of dtypes',
      /^add: expected inputs of one dtype, got float32\[2, 3\] and int32\[2, 3\]$/,
      () => add(matrix(2, 3), input('i', [2, 3], 'int32')),
    ],
    [
      'gemm',
      /^gemm: expected equal inner sides \(3 and 4\), got float32\[2, 3\] and float32\[4, 3\]$/,
      () => gemm(matrix(2, 3), matrix(4, 3)),
    ],
    [
      'matmul',
      /^matmul: expected equal leading sides, got float32\[2, 3, 4\] and float32\[3, 4, 5\]$/,
      () => matmul(input('a', [2, 3, 4]), input('b', [3, 4, 5])),
    ],
    [
      'reshape',
      /^reshape: expected 8 elements for \[4,2\], got float32\[2, 3\]$/,
      () => reshape(matrix(2, 3), [4, 2]),
    ],
    ['transpose', /^transpose: expected a permutation of the axes/, () => transpose(matrix(2, 3), [0, 0])],
    [
      'concat',
      /^concat: expected equal sides but for axis 1, got/,
      () => concat([matrix(2, 3), matrix(3, 3)], 1),
    ],
    [
      'conv2d',
      /^conv2d: expected 3 input channels as in the weight, got float32\[1, 4, 8, 8\] and float32\[8, 3, 3, 3\]$/,
      () =>
        conv2d(input('x', [1, 4, 8, 8]), input('w', [8, 3, 3, 3]), undefined, {
          stride: 1,
          padding: [0, 0, 0, 0],
        }),
    ],
    [
      'two inputs of one name',
      /^two inputs of one graph are named "x"$/,
      () => graphOf({ y: add(input('x', [2]), input('x', [2])) }),
    ],
  ] as [string, RegExp, () => unknown][])('%s', (_name, message, build) => {
    expect(build).toThrow(message);
  });
});
