/** All targets, a name once. */
import type { FuzzTarget } from '../target.ts';
import { TARGETS as BUS } from './bus.ts';
import { TARGETS as IMAP } from './imap.ts';
import { TARGETS as LIB } from './lib.ts';
import { TARGETS as MESSAGES } from './messages.ts';
import { TARGETS as MIME } from './mime.ts';
import { TARGETS as SECURITY } from './security.ts';
import { TARGETS as SETTINGS } from './settings.ts';
import { TARGETS as SMTP } from './smtp.ts';
import { TARGETS as STORE } from './store.ts';
import { TARGETS as TEXT_PROTOCOLS } from './text-protocols.ts';

export const TARGETS: readonly FuzzTarget[] = [
  ...SMTP,
  ...IMAP,
  ...TEXT_PROTOCOLS,
  ...LIB,
  ...SETTINGS,
  ...MIME,
  ...SECURITY,
  ...BUS,
  ...MESSAGES,
  ...STORE,
];
