# <base>/Startup.sh of a backend: shell, read by bin/postern before it starts the member. A frontend has --ClusterFrontend.
SUPPLPARAMS="--ClusterBackend"
