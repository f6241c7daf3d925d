import { AppRegistry } from "react-native";

import { goOffline } from "./device/offline";
import { followTokens, platform } from "./device/platform.web";
import { App } from "./ui/App";

function Root() {
  return <App platform={platform} />;
}

AppRegistry.registerComponent("main", () => Root);
AppRegistry.runApplication("main", { rootTag: document.getElementById("root") });
followTokens();
goOffline();
