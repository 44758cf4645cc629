/** What the administration over HTTP shows, put together from what a worker has. */
import type { Expiring } from '../certificates/expiry.ts';
import { VERSION } from '../flags.ts';
import { type CertificateReport, statusReport } from '../http/report.ts';
import type { ProcessSamples, Sources } from '../http/types.ts';
import type { Front } from './listeners.ts';
import { memberSamples } from './samples.ts';

/** The controller answers from memory; one that does not is named in the report. */
const STATUS_TIMEOUT_MS = 1000;
const DAY_MS = 86_400_000;

export function sourcesOf(front: Front): Sources {
  const { node, platform, settings, member, certificates } = front;
  let scraping: Promise<readonly ProcessSamples[]> | undefined;
  return {
    standing: () => node.standing(),
    async report() {
      const current = await node.refreshStatus(STATUS_TIMEOUT_MS);
      const nowMs = platform.clock.wallMs();
      return statusReport({
        nowMs,
        cluster: settings.ClusterName,
        member,
        version: VERSION,
        standing: node.standing(),
        current,
        node,
        certificates: certificates.expiring(nowMs).map((each) => certificateReport(each, nowMs)),
      });
    },
    /** Two scrapes at once get the same figures: each would take what counts since the last scrape from the other. */
    samples() {
      scraping ??= memberSamples(front).finally(() => {
        scraping = undefined;
      });
      return scraping;
    },
  };
}

function certificateReport({ domain, names, endsMs }: Expiring, nowMs: number): CertificateReport {
  return {
    owner: domain ?? 'the cluster',
    names,
    endsAt: new Date(endsMs).toISOString(),
    days: Math.floor((endsMs - nowMs) / DAY_MS),
  };
}
