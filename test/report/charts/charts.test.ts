/** Charts of comparisons: places against hand arithmetic, labels, names as text, and results that are no numbers. */
import { describe, expect, it } from 'vitest';
import { dotChart, heatMap, lineChart, scatterChart, standaloneSvg } from '../../../src/report/index.js';
import { badNumbers, elements, texts } from '../../support/svg.js';

const HOSTILE = `<b onload="x('1')"> & co`;
const ESCAPED = '&lt;b onload=&quot;x(&#39;1&#39;)&quot;&gt; &amp; co';
const loss = { title: 'loss', better: 'lower' } as const;
const score = { title: 'score', better: 'higher' } as const;

const numbers = (attributes: Readonly<Record<string, string>>, ...names: string[]) =>
  names.map((name) => Number(attributes[name]));

describe('lineChart', () => {
  const points = [
    { x: 3, y: 30, spread: 0 },
    { x: 1, y: 10, spread: 0 },
    { x: 2, y: 10, spread: 10 },
  ];

  it('draws points and bars at their places, in order of x', () => {
    const { text } = lineChart({ x: { title: 'scale' }, y: loss, series: [{ name: 'SaRA', points }] });
    const markers = elements(text, 'circle', 'marker').slice(0, 3);
    const [first, second, third] = markers.map(({ attributes }) => numbers(attributes, 'cx', 'cy'));
    // y spans 0 to 30 with 6 % on either side, over 320 pixels from 34 to 354.
    const y = (value: number) => 354 - (320 * (value + 1.8)) / 33.6;
    expect(first![1]).toBeCloseTo(y(10), 1);
    expect(third![1]).toBeCloseTo(y(30), 1);
    expect(second![0]! - first![0]!).toBeCloseTo(third![0]! - second![0]!, 1);
    const [bar, ...others] = elements(text, 'line', 'bar');
    expect(others).toEqual([]);
    const [low, high] = numbers(bar!.attributes, 'y1', 'y2');
    expect(low).toBeCloseTo(y(0), 1);
    expect(high).toBeCloseTo(y(20), 1);
    expect(texts(text)).toEqual(
      expect.arrayContaining(['loss ↓ lower is better', 'scale', 'SaRA', '1', '2', '3']),
    );
  });

  it('marks what diverged at the worse end, with a gap in the line', () => {
    const series = [
      {
        name: 'a',
        points: [...points, { x: 4, y: Number.NaN, spread: Number.NaN }, { x: 5, y: 10, spread: 0 }],
      },
    ];
    for (const [quantity, place] of [
      [loss, 34 + 13],
      [score, 354 - 13],
    ] as const) {
      const { text } = lineChart({ x: { title: 'x' }, y: quantity, series });
      const [cross] = elements(text, 'path', 'cross');
      expect(cross!.attributes.d).toMatch(new RegExp(`^M[\\d.]+ ${place - 4}l8 8`));
      expect(elements(text, 'path', 'line')[0]!.attributes.d!.match(/M/g)).toHaveLength(2);
      expect(texts(text)).toContain('diverged');
      expect(badNumbers(text)).toEqual([]);
    }
  });

  it('draws results without a setting across, and a curve over the points', () => {
    const { text } = lineChart({
      ...{ x: { title: 'x' }, y: loss, series: [{ name: 'a', points }] },
      levels: [
        { name: 'Full fine-tuning', y: 20, spread: 5 },
        { name: 'lost', y: Number.POSITIVE_INFINITY, spread: 0 },
      ],
      curve: { name: 'fit', at: (x) => 10 * x },
    });
    const [level] = elements(text, 'line', 'level');
    expect(level!.attributes.y1).toBe(level!.attributes.y2);
    const curve = elements(text, 'polyline', 'curve')[0]!.attributes.points!.split(' ');
    expect(curve).toHaveLength(101);
    const last = elements(text, 'circle', 'marker')[2]!.attributes;
    expect(curve.at(-1)).toBe(`${last.cx},${last.cy}`);
    expect(texts(text)).toEqual(expect.arrayContaining(['Full fine-tuning', 'fit', 'lost']));
    expect(badNumbers(text)).toEqual([]);
  });

  it('can be drawn of nothing', () => {
    expect(badNumbers(lineChart({ x: { title: 'x' }, y: loss, series: [] }).text)).toEqual([]);
    const lost = [{ name: 'a', points: [{ x: 1, y: Number.NaN, spread: 0 }] }];
    expect(badNumbers(lineChart({ x: { title: 'x' }, y: loss, series: lost }).text)).toEqual([]);
  });
});

describe('dotChart', () => {
  const dots = [
    { name: 'LoRA', mean: 0.12, spread: 0.002 },
    { name: HOSTILE, mean: 0.1, spread: 0.001 },
    { name: 'DoRA', mean: Number.NaN, spread: Number.NaN },
    { name: 'SaRA', mean: 0.11, spread: 0.003 },
  ];

  it('writes numbers to the digit at which the usual spread begins, in the order given', () => {
    const { text, height } = dotChart(loss, dots);
    const said = texts(text);
    expect(said).toEqual(
      expect.arrayContaining(['0.1200 ± 0.0020', '0.1000 ± 0.0010', '0.1100 ± 0.0030', 'diverged']),
    );
    expect(said.indexOf('LoRA')).toBeLessThan(said.indexOf('SaRA'));
    expect(text).toContain(ESCAPED);
    expect(height).toBe(8 + 4 * 26 + 46);
    expect(badNumbers(text)).toEqual([]);
  });

  it('marks the best: the lowest or the highest', () => {
    const rowOf = (text: string) => Number(elements(text, 'rect', 'row')[0]!.attributes.y);
    expect(rowOf(dotChart(loss, dots).text)).toBe(8 + 26);
    expect(rowOf(dotChart(score, dots).text)).toBe(8);
    expect(elements(dotChart({ title: 'x' }, dots).text, 'rect', 'row')).toEqual([]);
  });

  it('puts what diverged at the worse end', () => {
    const crossAt = (text: string) =>
      Number(/^M([\d.]+)/.exec(elements(text, 'path', 'cross')[0]!.attributes.d!)![1]);
    expect(crossAt(dotChart(loss, dots).text)).toBeGreaterThan(crossAt(dotChart(score, dots).text) + 200);
  });

  it('can be drawn of nothing', () => {
    expect(badNumbers(dotChart(loss, []).text)).toEqual([]);
  });
});

describe('scatterChart', () => {
  const at = (x: number, y: number) => ({ x: { mean: x, spread: 1 }, y: { mean: y, spread: 0 } });
  const series = [
    {
      name: 'SaRA',
      points: [
        { ...at(1, 1), size: 0.05 },
        { ...at(2, 2), size: 0.005 },
        { ...at(Number.NaN, 1), size: 0.02 },
      ],
    },
    { name: HOSTILE, points: [at(3, 3)] },
  ];

  it('draws larger sizes larger, joins the sizes of a method, and names what diverged', () => {
    const { text } = scatterChart({ x: loss, y: score, series, size: (size) => `${100 * size} %` });
    const radii = elements(text, 'circle', 'marker').map(({ attributes }) => attributes.r);
    expect(radii.slice(0, 2)).toEqual(['9', '4']);
    expect(elements(text, 'polyline', 'thin')).toHaveLength(1);
    expect(texts(text)).toEqual(
      expect.arrayContaining([
        'Diverged: SaRA 2 %',
        'loss ← lower is better',
        'score ↑ higher is better',
        '0.5 %',
        '5 %',
      ]),
    );
    expect(text).toContain(ESCAPED);
    expect(badNumbers(text)).toEqual([]);
  });

  it('crosses a point with a bar for each quantity', () => {
    const { text } = scatterChart({
      x: loss,
      y: score,
      series: [series[1]!, { name: 'b', points: [at(13, 10)] }],
    });
    const [first] = elements(text, 'path', 'bar');
    const [x, y] = numbers(elements(text, 'circle', 'marker')[0]!.attributes, 'cx', 'cy');
    const [, left, cy, right, cx] = /^M([\d.]+) ([\d.]+)H([\d.]+)M([\d.]+)/
      .exec(first!.attributes.d!)!
      .map(Number);
    expect([cx, cy]).toEqual([x, y]);
    expect((left! + right!) / 2).toBeCloseTo(x!, 0);
  });
});

describe('heatMap', () => {
  const cell = (column: number, row: number, mean: number) => ({ column, row, mean, spread: 0 });
  const options = {
    columns: { title: 'threshold', values: [1, 2, 3] },
    rows: { title: HOSTILE, values: [10, 20] },
    value: loss,
    cells: [cell(1, 10, 0.5), cell(1, 20, 0.2), cell(2, 10, 0.1), cell(2, 20, Number.NaN), cell(3, 10, 0.3)],
  };

  it('shades from worst to best, hatches what diverged and leaves grey what is missing', () => {
    const { text } = heatMap(options);
    const fills = elements(text, 'rect').flatMap(({ attributes }) =>
      attributes.rx === '2' ? [attributes.fill] : [],
    );
    expect(fills[0]).toBe('#fdf5ee');
    expect(fills[2]).toBe('#8c3312');
    expect(elements(text, 'path', 'hatch')).toHaveLength(1);
    expect(elements(text, 'rect', 'none')).toHaveLength(2);
    const said = texts(text);
    for (const label of ['0.500', '0.200', '0.100', '0.300', 'diverged', '–', '10', '20', 'threshold'])
      expect(said).toContain(label);
    expect(text).toContain(ESCAPED);
    expect(badNumbers(text)).toEqual([]);
  });

  it.each([
    ['lower', [101, 102, 103, 104, 200]],
    ['higher', [104, 103, 102, 101, 5]],
  ] as const)('shades all but outliers from worst to best, %s is better', (better, means) => {
    const columns = { title: 'rate', values: [0, 1, 2, 3, 4] };
    const rows = { title: 'size', values: [0] };
    const cells = means.map((mean, column) => cell(column, 0, mean));
    const { text } = heatMap({ columns, rows, cells, value: { title: 'v', better } });
    const fills = elements(text, 'rect').flatMap(({ attributes }) =>
      attributes.rx === '2' ? [attributes.fill] : [],
    );
    expect(fills.slice(0, means.length)).toEqual(['#8c3312', '#d9753f', '#f4c3a3', '#fdf5ee', '#fdf5ee']);
  });

  it('outlines the best cell, lower or higher', () => {
    const outline = (better: 'lower' | 'higher') =>
      numbers(
        elements(heatMap({ ...options, value: { title: 'v', better } }).text, 'rect', 'best')[0]!.attributes,
        'x',
        'y',
      );
    // Labels take 16 + 2 digits · 0.6 · 12 pixels, a column 130; rows are 44 high, the first at the bottom.
    expect(outline('lower')).toEqual([31 + 130, 50 + 44]);
    expect(outline('higher')).toEqual([31, 50 + 44]);
  });

  it('joins the best of each column and draws a curve in the scale of the cells', () => {
    const { text } = heatMap({ ...options, traced: true, curve: { name: 'fit', at: (x) => 5 * x + 5 } });
    const [trace] = elements(text, 'polyline', 'trace');
    const middles = [31 + 65, 31 + 195, 31 + 325];
    // Lanes at 14 pixels above the foot of rows of 58.
    const [upper, lower] = [50 + 44, 50 + 58 + 44];
    expect(trace!.attributes.points).toBe(
      `${middles[0]},${upper} ${middles[1]},${lower} ${middles[2]},${lower}`,
    );
    const fit = elements(text, 'polyline', 'fit')[0]!.attributes.points!.split(' ');
    // 10 at the first column, the first row; 20 at the third, the second row; halfway at the second.
    expect(fit[0]).toBe(`${middles[0]},${lower}`);
    expect(fit[50]).toBe(`${middles[1]},${(upper + lower) / 2}`);
    expect(fit[100]).toBe(`${middles[2]},${upper}`);
  });

  it('takes settings that are no numbers, and nothing', () => {
    const columns = { title: 'schedule', values: ['cosine', 'constant'] };
    const rows = { title: 'ema', values: [true, false] };
    const cells = [{ column: 'cosine', row: true, mean: Number.NaN, spread: 0 }];
    expect(texts(heatMap({ columns, rows, value: loss, cells }).text)).toEqual(
      expect.arrayContaining(['cosine', 'true', 'diverged']),
    );
    const nothing = { title: '', values: [] };
    expect(badNumbers(heatMap({ columns: nothing, rows: nothing, value: loss, cells: [] }).text)).toEqual([]);
  });
});

describe('standaloneSvg', () => {
  const chart = dotChart(loss, [{ name: 'a', mean: 1, spread: 0 }]);

  it('has its own styles without variables, a white panel and its title', () => {
    const svg = standaloneSvg(chart, { title: HOSTILE });
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" ')).toBe(true);
    expect(svg).not.toMatch(/var\(|undefined|https?:(?!\/\/www\.w3\.org)/);
    expect(svg).toContain(`<title>${ESCAPED}</title>`);
    expect(elements(svg, 'rect')[0]!.attributes.fill).toBe('#fff');
    expect(svg.match(/<svg /g)).toHaveLength(svg.match(/<\/svg>/g)!.length);
  });

  it('breaks a long title and makes room for it', () => {
    const height = (title: string) =>
      Number(elements(standaloneSvg(chart, { title }), 'svg')[0]!.attributes.height);
    expect(height('word '.repeat(20))).toBe(height('word') + 22);
  });
});
