import { defineSettings, tlsSettings } from "@baton/config";
import { routerSettings } from "../router/router-settings.ts";
import { upSettings } from "../up/up-settings.ts";

/** What `baton up` takes, so that one environment, or one command line, can be checked for it; and the router to ask. */
export const doctorSettings = defineSettings("baton doctor", {
  ...routerSettings,
  ...upSettings.settings,
  ...tlsSettings,
});
