/** The report: estimates, the sheet of pictures and the page, from made-up results. */
import { describe, expect, it } from 'vitest';
import type { Image } from '../../src/formats/index.js';
import {
  beforeAfterSheet,
  compareEstimates,
  estimate,
  type Report,
  reportPage,
} from '../../src/report/index.js';

function picture(red: number, size = 8): Image {
  const data = new Uint8Array(3 * size * size);
  for (let i = 0; i < data.length; i += 3) data[i] = red;
  return { width: size, height: size, data };
}

const HOSTILE = `<img src=x onerror="alert('1')"> & "a red apple"`;

function report(): Report {
  const change = compareEstimates([0.5, 0.7], [0.4, 0.5]);
  return {
    title: 'What SaRA taught the model',
    lead: 'A model learned a style.',
    blocks: [
      {
        title: 'Taught',
        note: 'concepts of the set',
        comparisons: [
          {
            label: HOSTILE,
            prompt: HOSTILE,
            before: picture(10),
            after: picture(20),
            truth: picture(30),
          },
          { label: 'a dog', prompt: 'x style, a dog', before: picture(40), after: picture(50) },
        ],
      },
      {
        title: 'Never shown',
        note: 'concepts that the set lacks',
        comparisons: [{ label: 'a cat', prompt: 'x style, a cat', before: picture(60), after: picture(70) }],
      },
    ],
    losses: [{ set: 'new style', pictures: 2, ...change }],
    lossNote: 'Same noise before and after.',
    curve: Array.from({ length: 40 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1) })),
    facts: [['time', '3 min 10 s']],
    settings: [['steps', '40']],
    commands: [{ note: 'Draw something:', command: 'npx sara generate --prompt "x <y>"' }],
  };
}

describe('estimate', () => {
  it('gives the mean and its standard error', () => {
    expect(estimate([1, 2, 3, 4])).toEqual({ mean: 2.5, standardError: Math.sqrt(5 / 3 / 4) });
    expect(estimate([7])).toEqual({ mean: 7, standardError: 0 });
    expect(() => estimate([])).toThrow(RangeError);
  });

  it('takes what changed pair by pair', () => {
    const { before, change } = compareEstimates([1, 5, 9], [0, 4, 8]);
    expect(before.standardError).toBeGreaterThan(2);
    expect(change).toEqual({ mean: -1, standardError: 0 });
    expect(() => compareEstimates([1], [])).toThrow(RangeError);
  });
});

describe('beforeAfterSheet', () => {
  it('shows every picture, enlarged by a whole number, on white', () => {
    const { width, height, data } = beforeAfterSheet(report().blocks);
    const count = new Map<number, number>();
    for (let i = 0; i < data.length; i += 3) count.set(data[i]!, (count.get(data[i]!) ?? 0) + 1);
    expect(data.length).toBe(3 * width * height);
    for (const red of [10, 20, 30, 40, 50, 60, 70]) expect(count.get(red)).toBe(128 * 128);
    expect([...count.keys()].sort((a, b) => a - b)).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 255]);
  });

  it('keeps large pictures as they are', () => {
    const comparison = { label: 'a', prompt: 'a', before: picture(10, 512), after: picture(20, 512) };
    const { data } = beforeAfterSheet([{ title: 't', note: 'n', comparisons: [comparison] }]);
    expect(data.filter((value, i) => i % 3 === 0 && value === 10).length).toBe(512 * 512);
  });

  it('refuses to draw nothing', () => {
    expect(() => beforeAfterSheet([])).toThrow(RangeError);
  });
});

describe('reportPage', () => {
  it('is one well-formed file: every element that is opened is closed in order', async () => {
    const page = await reportPage(report());
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect(unbalanced(page)).toEqual([]);
    expect(page.match(/<h1>/g)).toHaveLength(1);
    expect(page.match(/<img /g)).toHaveLength(7);
    expect(page.match(/ alt="/g)).toHaveLength(7);
    expect(page.match(/<svg /g)).toHaveLength(2);
  });

  it('refers to nothing outside itself and runs no script', async () => {
    const page = await reportPage(report());
    const links = [...page.matchAll(/(?:src|href|action|data)="([^"]*)"/g)].map((match) => match[1]!);
    expect(links.every((link) => link.startsWith('data:image/png;base64,'))).toBe(true);
    expect(page).not.toMatch(/https?:|<script|<link|@import|url\(/);
    expect(page).toContain("default-src 'none'");
  });

  it('shows what users write as text', async () => {
    const page = await reportPage(report());
    expect(page).not.toContain('<img src=x');
    expect(page).toContain(
      '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; &quot;a red apple&quot;',
    );
    expect(page).toContain('npx sara generate --prompt &quot;x &lt;y&gt;&quot;');
  });

  it('tells losses with their errors and the change in percent', async () => {
    const page = await reportPage(report());
    expect(page).toContain(
      '<td>0.60 ± 0.10</td><td>0.450 ± 0.050</td><td>−0.150 ± 0.050</td><td>−25.0 %</td>',
    );
  });

  it('leaves the chart out where there is no curve', async () => {
    const page = await reportPage({ ...report(), curve: [], losses: [] });
    expect(page).not.toContain('<svg');
    expect(page).not.toContain('NaN');
  });
});

const VOID = new Set(['meta', 'img', 'br']);

/** Elements that are closed out of order or not at all. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  const markup = page.replace(/<style>.*?<\/style>/s, '').replace('<!doctype html>', '');
  for (const [, closing, name, attributes] of markup.matchAll(/<(\/?)([a-z0-9]+)((?:"[^"]*"|[^">])*)>/g)) {
    if (closing) {
      if (open.pop() !== name) wrong.push(name!);
    } else if (!VOID.has(name!) && !attributes!.endsWith('/')) open.push(name!);
  }
  return [...wrong, ...open];
}
