/** Values as settings files have them, of every kind: right for one setting, wrong for another. */
export const SETTING_VALUES = [
  '150ms',
  '2s',
  '0',
  '#12',
  '127.0.0.1:25',
  '()',
  '("[::1]:1")',
  'off',
  'YES',
  '32M',
  '{a=b;}',
  '[YQ==]',
];
