/** The five drawing styles: where each comes from, under which licence, and what becomes of its pictures. */

export interface Style {
  /** Folder under data/. */
  readonly folder: string;
  /** How captions and prompts name it. */
  readonly name: string;
  /** The npm package, an Iconify set. */
  readonly package: string;
  /** The package whose chars.json maps code points to icon names; Fluent 3D has an empty one and shares the flat set's names. */
  readonly names: string;
  readonly title: string;
  readonly author: string;
  readonly source: string;
  readonly licence: 'Apache-2.0' | 'CC-BY-4.0' | 'CC-BY-SA-4.0' | 'MIT';
  readonly licenceUrl: string;
  /** Pixels a side to draw at before reducing: gradients of Fluent 3D show steps unless it is drawn large. */
  readonly drawAt: number;
  /** `base` sets hold every concept; `downstream` sets leave the held-out ones in a folder of their own. */
  readonly role: 'base' | 'downstream';
}

const MICROSOFT = {
  author: 'Microsoft Corporation',
  source: 'https://github.com/microsoft/fluentui-emoji',
  licence: 'MIT',
  licenceUrl: 'https://github.com/microsoft/fluentui-emoji/blob/main/LICENSE',
  names: '@iconify-json/fluent-emoji-flat',
  role: 'downstream',
} as const;

export const STYLES: readonly Style[] = [
  {
    folder: 'noto',
    name: 'noto',
    package: '@iconify-json/noto',
    names: '@iconify-json/noto',
    title: 'Noto Emoji',
    author: 'Google Inc.',
    source: 'https://github.com/googlefonts/noto-emoji',
    licence: 'Apache-2.0',
    licenceUrl: 'https://github.com/googlefonts/noto-emoji/blob/main/svg/LICENSE',
    drawAt: 256,
    role: 'base',
  },
  {
    folder: 'twemoji',
    name: 'twemoji',
    package: '@iconify-json/twemoji',
    names: '@iconify-json/twemoji',
    title: 'Twemoji',
    author: 'Twitter, Inc. and other contributors',
    source: 'https://github.com/jdecked/twemoji',
    licence: 'CC-BY-4.0',
    licenceUrl: 'https://creativecommons.org/licenses/by/4.0/',
    drawAt: 256,
    role: 'base',
  },
  {
    ...MICROSOFT,
    folder: 'fluent-3d',
    name: 'fluent',
    package: '@iconify-json/fluent-emoji',
    title: 'Fluent Emoji',
    drawAt: 512,
  },
  {
    ...MICROSOFT,
    folder: 'fluent-flat',
    name: 'fluent flat',
    package: '@iconify-json/fluent-emoji-flat',
    title: 'Fluent Emoji Flat',
    drawAt: 256,
  },
  {
    folder: 'openmoji',
    name: 'openmoji',
    package: '@iconify-json/openmoji',
    names: '@iconify-json/openmoji',
    title: 'OpenMoji',
    author: 'the OpenMoji project, HfG Schwäbisch Gmünd',
    source: 'https://github.com/hfg-gmuend/openmoji',
    licence: 'CC-BY-SA-4.0',
    licenceUrl: 'https://creativecommons.org/licenses/by-sa/4.0/',
    drawAt: 256,
    role: 'downstream',
  },
];
