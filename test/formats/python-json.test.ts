/** JSON that Python wrote and reads again: what JavaScript's own JSON would lose. */
import { expect, test } from 'vitest';
import { formatPythonJson, parsePythonJson } from '../../src/formats/python-json.js';

test('infinities survive', () => {
  const text = '{"lower": -Infinity, "upper": Infinity, "name": "Infinity", "none": NaN}';
  const value = parsePythonJson(text, 'x');
  expect(value).toEqual({
    lower: Number.NEGATIVE_INFINITY,
    upper: Number.POSITIVE_INFINITY,
    name: 'Infinity',
    none: null,
  });
  expect(formatPythonJson({ lower: value.lower, name: 'Infinity' })).toBe(
    '{\n  "lower": -Infinity,\n  "name": "Infinity"\n}\n',
  );
});

test('floats that transformers asks for stay floats where they are whole', () => {
  const text = formatPythonJson({
    initializer_factor: 1,
    initializer_range: 0.02,
    hidden_size: 32,
    text: '1.0',
  });
  expect(text).toBe(
    '{\n  "initializer_factor": 1.0,\n  "initializer_range": 0.02,\n  "hidden_size": 32,\n  "text": "1.0"\n}\n',
  );
  expect(formatPythonJson(parsePythonJson(text, 'x'))).toBe(text);
});
